// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where "postcards" lies, the small model that comes with the program.
///
/// SwiftPM copies it into a folder beside the executable. Looking there, instead of asking
/// `Bundle.module`, keeps Foundation out and gives an error where the bundle would trap.
public enum EmbeddedModel {
    /// Name users see in reports and picture metadata.
    public static let name = "postcards"

    /// The model's directory in the Hugging Face layout.
    ///
    /// - Throws: `EmbeddedModelError` when the executable was moved without its resources.
    public static func directory() throws(EmbeddedModelError) -> String {
        try resource(name, holding: "model_index.json")
    }

    /// The directory of the judge that says what the model's pictures show, and of the prompts
    /// whose attributes are known: `judge.json`, `judge.safetensors`, `prompts.json`.
    ///
    /// - Throws: `EmbeddedModelError` when the executable was moved without its resources.
    public static func judgeDirectory() throws(EmbeddedModelError) -> String {
        try resource("judge", holding: "judge.json")
    }

    /// The directory of the mini-CLIP, which says how alike a picture and a caption are:
    /// `clip.json`, `clip.safetensors`.
    ///
    /// - Throws: `EmbeddedModelError` when the executable was moved without its resources.
    public static func clipDirectory() throws(EmbeddedModelError) -> String {
        try resource("clip", holding: "clip.json")
    }

    /// CLIP's merges, which decide the tokens of models that come without a tokenizer; their
    /// licence lies beside them.
    ///
    /// - Throws: `EmbeddedModelError` when the executable was moved without its resources.
    public static func clipMerges() throws(EmbeddedModelError) -> String {
        "\(try resource("clip-vocabulary", holding: "merges.txt"))/merges.txt"
    }

    private static func resource(
        _ name: String, holding file: String
    ) throws(EmbeddedModelError) -> String {
        let folder = executableDirectory()
        let candidates = [
            "\(folder)/retom_EmbeddedModel.resources/\(name)",
            "\(folder)/../share/retom/\(name)",
        ]
        for candidate in candidates where access("\(candidate)/\(file)", R_OK) == 0 {
            return candidate
        }
        throw EmbeddedModelError(searched: candidates)
    }

    private static func executableDirectory() -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else { return "." }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

/// The embedded model's files are not where the executable looks for them.
public struct EmbeddedModelError: Error, Equatable, CustomStringConvertible {
    /// Directories that were tried.
    public let searched: [String]

    /// What to do about it.
    public var description: String {
        """
        the embedded model is not beside the executable (looked in \
        \(searched.joined(separator: " and "))); copy retom_EmbeddedModel.resources there or choose \
        a model with --model DIR
        """
    }
}
