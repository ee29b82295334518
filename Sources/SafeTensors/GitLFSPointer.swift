// SPDX-License-Identifier: Apache-2.0

/// What lies in a model's folder that was cloned without Git LFS: a few lines that name the file.
///
/// See git-lfs's `docs/spec.md`: a pointer is shorter than 1,024 bytes and begins with its version.
package enum GitLFSPointer {
    /// No pointer is longer.
    static let byteCountMax = 1024

    /// Both spellings of the version's place.
    private static let beginnings = [
        "version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/",
    ]

    /// What it is and what to do, to follow the file's name.
    package static let explanation = """
        is a Git LFS pointer, not the file itself; run `git lfs install` and `git lfs pull` in the \
        model's folder, or download the file
        """

    /// Whether a file's content is a pointer.
    package static func matches(_ content: some Collection<UInt8>) -> Bool {
        content.count <= byteCountMax && beginnings.contains { content.starts(with: $0.utf8) }
    }
}
