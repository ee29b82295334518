// SPDX-License-Identifier: Apache-2.0

/// Why something was refused, returned or ended, as sent: a number with a short text.
///
/// The raw values are the wire values; they are defined only here. Hundreds: 1
/// handshake, 2 connection, 3 work that another attempt may finish, 4 work that no attempt can.
package enum WireErrorCode: UInt16, Sendable, CaseIterable {
    /// No error: the end of a run, a normal drain.
    case finished = 0

    case protocolMismatch = 100
    case modelMismatch = 101
    case busy = 102
    case draining = 103
    case tooManyConnections = 104
    case wrongRole = 105
    case kernelClassMismatch = 106
    /// Required TLS is missing: with the key, or with certificates.
    case authenticationRequired = 107
    case handshakeTimeout = 108

    case malformedFrame = 200
    case checksumMismatch = 201
    case frameTooLong = 202
    case unexpectedMessage = 203
    case idleTimeout = 204
    case slowReader = 205

    case cancelled = 300
    case overCredit = 301
    case workerFailed = 302
    case shuttingDown = 303
    /// The request has a part unknown to this build; a newer worker may support it.
    case notUnderstood = 304

    case requestInvalid = 400
    case nonFiniteLatents = 401

    /// A code unknown to this build, from a newer peer.
    case unspecified = 65535

    /// Maps a number from the wire; unknown numbers become `unspecified`.
    package init(wireValue: UInt16) {
        self = WireErrorCode(rawValue: wireValue) ?? .unspecified
    }

    /// The number on the wire.
    package var wireValue: UInt16 { rawValue }

    /// Whether another attempt, there or elsewhere, may succeed.
    package var isRetryable: Bool {
        switch self {
        case .busy, .draining, .tooManyConnections, .handshakeTimeout, .idleTimeout, .slowReader,
            .checksumMismatch, .cancelled, .overCredit, .workerFailed, .shuttingDown,
            .notUnderstood, .unspecified, .finished:
            true
        case .protocolMismatch, .modelMismatch, .wrongRole, .kernelClassMismatch,
            .authenticationRequired, .malformedFrame, .frameTooLong, .unexpectedMessage,
            .requestInvalid, .nonFiniteLatents:
            false
        }
    }
}
