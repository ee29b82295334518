// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Writes a `.safetensors` file as a whole or not at all.
package struct SafeTensorsWriter: Sendable {
    private var tensors: [PendingTensor] = []
    private let metadata: [String: String]

    private struct PendingTensor {
        var name: String
        var scalarType: ScalarType
        var shape: [Int]
        var bytes: [UInt8]
    }

    /// Starts an empty file with free text by key.
    package init(metadata: [String: String] = [:]) { self.metadata = metadata }

    /// Adds an f32 tensor; the count must be the product of the shape.
    package mutating func add(_ name: String, shape: [Int], values: [Float]) {
        values.withUnsafeBytes { add(name, .float32, shape: shape, bytes: $0) }
    }

    /// Adds a tensor from its bytes, little-endian.
    package mutating func add(
        _ name: String, _ scalarType: ScalarType, shape: [Int], bytes: UnsafeRawBufferPointer
    ) {
        precondition(
            bytes.count == shape.reduce(scalarType.byteCount, *),
            "\(bytes.count) bytes for shape \(shape) of \(scalarType.rawValue)")
        precondition(!tensors.contains { $0.name == name }, "two tensors named '\(name)'")
        tensors.append(
            PendingTensor(name: name, scalarType: scalarType, shape: shape, bytes: Array(bytes)))
    }

    /// The bytes of the whole file: length of the header, header, data.
    package func serialized() -> [UInt8] {
        let header = header()
        var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        bytes += header
        for tensor in ordered { bytes += tensor.bytes }
        return bytes
    }

    /// Writes to a new file beside `path`, then renames it: a reader sees all of it or nothing.
    package func write(to path: String) throws(SafeTensorsError) {
        let temporary = path + ".\(getpid()).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(file: path, errorNumber: errno) }
        var failure = serialized().withUnsafeBytes { writeAll($0, to: descriptor) }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        if failure == 0, rename(temporary, path) != 0 { failure = errno }
        guard failure == 0 else {
            unlink(temporary)
            throw .cannotWrite(file: path, errorNumber: failure)
        }
    }

    /// Widest values first and then by name, as the reference writer does: every tensor is aligned.
    private var ordered: [PendingTensor] {
        tensors.sorted {
            ($1.scalarType.byteCount, $0.name) < ($0.scalarType.byteCount, $1.name)
        }
    }

    private func header() -> [UInt8] {
        var parts: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
            let text = pairs.map { "\(quoted($0.key)):\(quoted($0.value))" }
            parts.append("\"__metadata__\":{\(text.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in ordered {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            let end = offset + tensor.bytes.count
            parts.append(
                "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.scalarType.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var bytes = Array("{\(parts.joined(separator: ","))}".utf8)
        while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
        return bytes
    }

    /// A JSON string literal.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Glibc.write(
                descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            rest = rest.dropFirst(written)
        }
        return 0
    }
}
