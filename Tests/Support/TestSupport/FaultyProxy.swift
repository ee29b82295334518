// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A proxy between two programs on this machine that corrupts their traffic.
///
/// Every connection to its port becomes one to the target's; a plan determines what happens to the
/// bytes of each direction. Plain sockets and threads: it uses nothing of what it tests.
package final class FaultyProxy: Sendable {
    /// What happens to the bytes of one direction; offsets count from the first byte.
    package struct Lane: Sendable {
        /// Pause before each chunk, in milliseconds.
        package var delayMilliseconds = 0
        /// Bytes per second at most.
        package var bytesPerSecond: Int?
        /// Bytes per chunk at most; 1 drips.
        package var chunkByteCount = 16384
        /// This byte arrives with one bit flipped.
        package var flippedAt: Int?
        /// From this byte on nothing arrives, without notice.
        package var holeAt: Int?
        /// Both connections are reset before this byte.
        package var cutAt: Int?

        /// Everything arrives as sent.
        package init() {}
    }

    /// Both directions of one connection.
    package struct Plan: Sendable {
        /// From the connecting side.
        package var forth = Lane()
        /// Back to it.
        package var back = Lane()

        /// Nothing is corrupted.
        package init() {}
    }

    /// One connection of each side; closed when neither direction needs them.
    private final class Pair: Sendable {
        let client: Int32
        let target: Int32
        private let userCount = Mutex(2)

        init(client: Int32, target: Int32) {
            self.client = client
            self.target = target
        }

        func release() {
            userCount.withLock { count in
                count -= 1
                guard count == 0 else { return }
                close(client)
                close(target)
            }
        }

        func shutDown() {
            userCount.withLock { count in
                // Numbers of closed descriptors may already be reused.
                guard count > 0 else { return }
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(target, Int32(SHUT_RDWR))
            }
        }

        /// Ends both with RST: closing then drops unsent bytes.
        func reset() {
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            for end in [client, target] {
                setsockopt(
                    end, SOL_SOCKET, SO_LINGER, &linger,
                    socklen_t(MemoryLayout.size(ofValue: linger)))
            }
            shutDown()
        }
    }

    /// The target's address.
    package let port: Int
    private let listener: Int32
    private let targetPort: Int
    private let plan: @Sendable (_ connection: Int) -> Plan
    private let pairs = Mutex<[Pair]>([])

    /// Opens a port and forwards traffic.
    ///
    /// - Parameter plan: called for each connection, counted from 0.
    package init(to targetPort: Int, plan: @escaping @Sendable (_ connection: Int) -> Plan) throws {
        self.targetPort = targetPort
        self.plan = plan
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var place = Self.place(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                bind(listener, place, size) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, place, &size) == 0
            }
        }
        guard status else { throw POSIXError(.EADDRNOTAVAIL) }
        port = Int(in_port_t(bigEndian: place.sin_port))
        Thread.detachNewThread { [self] in accept() }
    }

    /// Resets all connections and accepts no more.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for pair in pairs.withLock({ $0 }) { pair.shutDown() }
    }

    private func accept() {
        var count = 0
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard let target = connectToTarget() else {
                close(client)
                continue
            }
            let (pair, plan) = (Pair(client: client, target: target), plan(count))
            pairs.withLock { $0.append(pair) }
            count += 1
            Thread.detachNewThread { Self.relay(pair, from: client, to: target, plan.forth) }
            Thread.detachNewThread { Self.relay(pair, from: target, to: client, plan.back) }
        }
        close(listener)
    }

    private func connectToTarget() -> Int32? {
        let target = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var place = Self.place(port: targetPort)
        let status = withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(target, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return target }
        close(target)
        return nil
    }

    private static func relay(_ pair: Pair, from source: Int32, to sink: Int32, _ lane: Lane) {
        defer { pair.release() }
        var buffer = [UInt8](repeating: 0, count: lane.chunkByteCount)
        var offset = 0
        while true {
            let count = recv(source, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            if lane.delayMilliseconds > 0 { usleep(UInt32(lane.delayMilliseconds) * 1000) }
            if let rate = lane.bytesPerSecond { usleep(UInt32(count * 1_000_000 / rate)) }
            let chunk = offset..<offset + count
            offset += count
            if let place = lane.flippedAt, chunk.contains(place) {
                buffer[place - chunk.lowerBound] ^= 1
            }
            let end = [lane.holeAt, lane.cutAt].compactMap(\.self).min() ?? chunk.upperBound
            guard send(buffer, max(0, min(count, end - chunk.lowerBound)), to: sink) else { break }
            if let place = lane.cutAt, chunk.upperBound > place {
                pair.reset()
                return
            }
        }
        shutdown(sink, Int32(SHUT_WR))
    }

    private static func send(_ bytes: [UInt8], _ count: Int, to sink: Int32) -> Bool {
        var sent = 0
        while sent < count {
            let written = bytes.withUnsafeBytes {
                Glibc.send(sink, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
            }
            guard written > 0 else { return false }
            sent += written
        }
        return true
    }

    private static func place(port: Int) -> sockaddr_in {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(port).bigEndian
        place.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return place
    }
}
