// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Glibc

/// Latents as files that are named by their content: `latents/<sha256>.f32`, raw little-endian f32.
///
/// `sha256sum` of a file is its name. A file appears whole or not at all; its name is durable after
/// `synchronize`.
package struct LatentArchive: Sendable {
    /// Where the files are.
    package let path: String

    /// The archive of a run.
    package init(directory: String) { path = "\(directory)/\(RunFileName.latentsFolder)" }

    /// Makes the folder.
    func create() throws(RunError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw RunError(errno: errno, path: path)
        }
    }

    /// Writes latents; may be called on several threads at once.
    ///
    /// - Parameter sha256: of their little-endian f32 bytes, 32 bytes.
    func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws(RunError) {
        let file = try AtomicFile(
            name: RunFileName.archivedLatents(sha256: sha256), directory: path)
        try file.append(latents.values)
        // Two images may have the same latents, and both may be written now.
        try file.commit(replacing: true, isNameDurable: false)
    }

    /// Makes the names of all files that were written durable.
    func synchronize() throws(RunError) {
        try DurableWrite.synchronize(directory: path)
    }

    /// Reads latents back; `nil` if their file is gone, cut short or damaged.
    ///
    /// - Parameters:
    ///   - facts: their shape and digest.
    ///   - digest: SHA-256 of latents.
    package func read(
        _ facts: SampledImage.Facts, digest: (GeneratedLatents) -> [UInt8]
    ) -> GeneratedLatents? {
        let descriptor = open(file(facts.sha256), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let byteCount = facts.valueCount * MemoryLayout<Float>.stride
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == byteCount else { return nil }
        var isWhole = true
        let values = [Float](unsafeUninitializedCapacity: facts.valueCount) { buffer, count in
            var done = 0
            while done < byteCount, let base = buffer.baseAddress {
                let address = UnsafeMutableRawPointer(base) + done
                let part = Glibc.read(descriptor, address, byteCount - done)
                if part < 0 && errno == EINTR { continue }
                guard part > 0 else { break }
                done += part
            }
            isWhole = done == byteCount
            count = isWhole ? facts.valueCount : 0
        }
        guard isWhole else { return nil }
        let latents = GeneratedLatents(
            channels: facts.channels, height: facts.height, width: facts.width, values: values)
        return digest(latents) == facts.sha256 ? latents : nil
    }

    /// Removes latents that nothing names.
    func remove(_ sha256: [UInt8]) { unlink(file(sha256)) }

    /// Removes all latents but those of these digests; other files stay.
    func remove(except named: Set<[UInt8]>) throws(RunError) {
        let kept = Set(named.map { RunFileName.archivedLatents(sha256: $0) })
        guard let stream = opendir(path) else { throw RunError(errno: errno, path: path) }
        defer { closedir(stream) }
        while let item = readdir(stream) {
            let name = withUnsafePointer(to: &item.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard RunFileName.isArchivedLatents(name), !kept.contains(name) else { continue }
            guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
                throw RunError(errno: errno, path: "\(path)/\(name)")
            }
        }
    }

    private func file(_ sha256: [UInt8]) -> String {
        "\(path)/\(RunFileName.archivedLatents(sha256: sha256))"
    }
}
