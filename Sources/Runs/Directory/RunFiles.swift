// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The files that a run writes to its output directory, and so the only ones that it may remove or
/// replace.
package struct RunFiles: Sendable, Equatable {
    /// Names in the directory, of which not all need to be there.
    package var names: Set<String>

    /// The files of a run of these images.
    ///
    /// - Parameter savesLatents: whether the latents of each picture are written beside it.
    package init(requests: [GenerationRequest], savesLatents: Bool) {
        names = [RunFileName.report, RunFileName.gallery]
        for (index, request) in requests.enumerated() {
            names.insert(RunFileName.picture(ImageNumber(index), seed: request.seed))
            guard savesLatents else { continue }
            names.insert(RunFileName.latents(ImageNumber(index), seed: request.seed))
        }
        // A run that was interrupted may have fewer.
        for page in 0..<RunSheets.pageCount(of: requests) {
            names.insert(RunFileName.sheet(page: page))
        }
    }

    /// Whether the first bytes of a file are those that these programs write under its name.
    ///
    /// Others use the same names: A1111 its pictures' and sheets', everybody `index.html`. Of an
    /// empty file nothing can be lost.
    package static func isOurs(_ name: String, head: [UInt8]) -> Bool {
        let marks: [String] =
            switch name.split(separator: ".").last {
            // The keyword of a text chunk, which is tEXt or iTXt.
            case "png": ["Xt\(ImageMetadata.keyword)\0", "XtSoftware\0\(ProgramVersion.name) "]
            case "html": [HTMLPage.policy]
            case "json": ["\"format_version\""]
            case "safetensors": ["\"latents\""]
            default: []
            }
        return head.isEmpty || marks.contains { head.contains(text: $0) }
    }

    /// So many bytes of a file say whose it is: what comes before a mark is shorter.
    package static let headByteCount = 1 << 18
}

extension [UInt8] {
    fileprivate func contains(text: String) -> Bool {
        let pattern = Array(text.utf8)
        guard let first = pattern.first, count >= pattern.count else { return false }
        return (0...count - pattern.count).contains { start in
            self[start] == first && self[start..<start + pattern.count].elementsEqual(pattern)
        }
    }
}
