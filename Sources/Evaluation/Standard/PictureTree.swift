// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The picture files below a directory, such as ImageNet's with a folder per class.
package struct PictureTree: Sendable {
    /// Paths, sorted.
    package let files: [String]

    /// Lists PNG and JPEG files; names that begin with a point are left out.
    ///
    /// - Parameter countPerFolder: at most so many of each folder, the first by name; `nil` for all.
    /// - Throws: `EvidenceError` for a directory that cannot be read or has no pictures.
    package init(path: String, countPerFolder: Int? = nil) throws(EvidenceError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        files = try Self.files(in: path, countPerFolder: countPerFolder)
        guard !files.isEmpty else { throw .noPictures(path: path) }
    }

    private static func files(
        in path: String, countPerFolder: Int?
    ) throws(EvidenceError) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw .unreadable(path: path)
        }
        var (pictures, others): ([String], [String]) = ([], [])
        for name in names.sorted() where !name.hasPrefix(".") {
            let file = "\(path)/\(name)"
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory) else {
                continue
            }
            if isDirectory {
                others += try files(in: file, countPerFolder: countPerFolder)
            } else if isPicture(name) {
                pictures.append(file)
            }
        }
        return Array(pictures.prefix(countPerFolder ?? .max)) + others
    }

    private static func isPicture(_ name: String) -> Bool {
        let lower = name.lowercased()
        return [".png", ".jpg", ".jpeg"].contains { lower.hasSuffix($0) }
    }
}
