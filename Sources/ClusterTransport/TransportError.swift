// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// Why a port cannot be opened or a peer cannot be reached.
package enum TransportError: Error, Equatable {
    case portInUse(host: String, port: Int)
    case portNotPermitted(host: String, port: Int)
    case cannotListen(host: String, port: Int, reason: String)
    case cannotConnect(host: String, port: Int, reason: String)
    /// The worker refuses us permanently.
    case refused(host: String, port: Int, reason: String)

    /// Whether retrying is pointless.
    package var isFinal: Bool {
        if case .refused = self { true } else { false }
    }
}

extension TransportError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .portInUse(let host, let port):
            """
            port \(port) on \(host) is in use; stop the program that has it or choose another \
            port
            """
        case .portNotPermitted(let host, let port):
            "port \(port) on \(host) may not be opened by this user; choose one above 1023"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host), port \(port): \(reason)"
        case .cannotConnect(_, _, let reason), .refused(_, _, let reason): reason
        }
    }

    /// Maps NIO's errors from `bind`.
    package static func listening(_ error: any Error, host: String, port: Int) -> TransportError {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: .portInUse(host: host, port: port)
        case EACCES: .portNotPermitted(host: host, port: port)
        case .some, .none: .cannotListen(host: host, port: port, reason: reason(of: error))
        }
    }

    /// Maps NIO's errors from `connect`.
    static func connecting(_ error: any Error, host: String, port: Int) -> TransportError {
        if let error = error as? AdmissionError, error.isFinal {
            return .refused(host: host, port: port, reason: error.reason)
        }
        return .cannotConnect(host: host, port: port, reason: reason(of: error))
    }

    /// A short phrase for a network error.
    static func reason(of error: any Error) -> String {
        switch error {
        case let error as AdmissionError: error.reason
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason(of: $0.error) } ?? "\(error)"
        case let error as IOError: phrase(errno: error.errnoCode) ?? "\(error)"
        case ChannelError.connectTimeout(let limit):
            "no answer within \(Double(limit.nanoseconds / 1_000_000) / 1000) s"
        case is CancellationError: "it was cancelled"
        case ChannelError.ioOnClosedChannel, ChannelError.alreadyClosed, ChannelError.eof:
            "the connection is closed"
        default: TLSProblem(late: error)?.reason ?? "\(error)"
        }
    }

    private static func phrase(errno code: CInt) -> String? {
        switch code {
        case ECONNREFUSED: "connection refused (is retom-worker running there?)"
        case ECONNRESET: "the connection was reset"
        case EPIPE: "the connection is broken"
        case ETIMEDOUT: "the connection timed out"
        case EHOSTUNREACH: "no route to the host"
        case ENETUNREACH: "the network is unreachable"
        case EADDRNOTAVAIL: "the address is not one of this machine"
        default: nil
        }
    }
}
