// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import WireProtocol

/// A plain socket, for saying what no decent peer would say.
final class RawPeer: Sendable {
    private let descriptor: Int32
    private let stream = Mutex(
        (buffer: ByteBuffer(), decoder: FrameChannelDecoder(receiver: .coordinator)))

    /// Connects.
    ///
    /// - Parameter receiveByteCount: size of the buffer for what it does not read.
    init?(_ address: WorkerAddress, receiveByteCount: Int32? = nil) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveByteCount {
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(address.port).bigEndian
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return nil }
    }

    deinit { Glibc.close(descriptor) }

    /// Sends bytes; tells whether the connection took them all.
    @discardableResult
    func say(_ bytes: [UInt8]) -> Bool {
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    func say(_ message: Message) { say(message.frame().encoded()) }

    /// Everything up to the end of the stream.
    func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while let chunk = try await read(), !chunk.isEmpty { all += chunk }
        return all
    }

    /// The next message, `nil` at the end of the stream.
    func hear() async throws -> Message? {
        while true {
            let frame = try stream.withLock { try $0.decoder.decode(buffer: &$0.buffer) }
            if let frame { return try Message(frame) }
            guard let chunk = try await read(), !chunk.isEmpty else { return nil }
            stream.withLock { _ = $0.buffer.writeBytes(chunk) }
        }
    }

    /// Messages up to the first that satisfies a condition, or to the end of the stream.
    func hear(until condition: (Message) -> Bool) async throws -> Message? {
        while let message = try await hear() {
            if condition(message) { return message }
        }
        return nil
    }

    /// Blocks a thread that may block, not one of the few that tasks run on.
    private func read() async throws -> [UInt8]? {
        try await NIOThreadPool.singleton.runIfActive { [descriptor] in
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = Glibc.recv(descriptor, &chunk, chunk.count, 0)
            return count < 0 ? nil : Array(chunk[..<count])
        }
    }
}

/// A port that is taken but that nobody listens on.
///
/// Connecting is refused, and no other test can get the port meanwhile.
final class DeadPort: Sendable {
    let address: WorkerAddress
    private let descriptor: Int32

    init() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                _ = getsockname(descriptor, $0, &size)
            }
        }
        self.descriptor = descriptor
        address = WorkerAddress(host: "127.0.0.1", port: Int(in_port_t(bigEndian: place.sin_port)))
    }

    deinit { Glibc.close(descriptor) }
}

/// What a test coordinator says about itself.
func coordinatorNode(instance: UInt8 = 1) -> NodeDescription {
    NodeDescription(
        role: .coordinator, instance: [UInt8](repeating: instance, count: 16), name: "tester",
        build: "test", kernelClass: "hash", coreCount: 1, memoryByteCount: 1,
        model: TestCluster.model, credits: 0)
}
