// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
package import ImageCodec
import Requests

/// The pictures of an earlier run, of this program or another, by the number of their prompt.
///
/// A picture's name begins with the number, as in `00017-42.png` or `17.png`; other files
/// (`grid-0000.png`) are ignored.
package struct PictureFolder: Sendable {
    /// The directory, without a trailing slash.
    package let path: String
    /// Names by number.
    private let names: [Int: String]

    /// - Throws: `PictureFolderError` if there are no pictures, or several with one number.
    package init(path: String) throws(PictureFolderError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        guard let contents = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw .unreadable(path: path)
        }
        var names: [Int: String] = [:]
        for name in contents.sorted() {
            guard let number = Self.number(name) else { continue }
            if let other = names.updateValue(name, forKey: number) {
                throw .twice(path: path, number: number, names: [other, name])
            }
        }
        guard !names.isEmpty else { throw .empty(path: path) }
        self.names = names
    }

    /// All numbers, ascending.
    package var numbers: [Int] { names.keys.sorted() }

    /// The name of a picture, if there is one.
    package func name(_ number: Int) -> String? { names[number] }

    /// Reads a prompt's picture, and checks its recorded prompt, if any.
    ///
    /// - Throws: `PictureFolderError`.
    package func picture(of prompt: AttributePrompt) throws(PictureFolderError) -> RGBImage {
        let number = prompt.index
        let contents = try contents(of: number)
        if let text = contents.text("parameters") {
            let drawn = GenerationParametersText(parsing: text).prompt
            guard drawn == prompt.prompt else {
                throw .otherPrompt(
                    path: "\(path)/\(names[number] ?? "")", drawn: drawn, number: number,
                    expected: prompt.prompt)
            }
        }
        return contents.image
    }

    /// Reads a picture with its texts.
    ///
    /// - Throws: `PictureFolderError`.
    package func contents(of number: Int) throws(PictureFolderError) -> PNG.Contents {
        guard let name = names[number] else { throw .missing(path: path, number: number) }
        return try Self.read("\(path)/\(name)")
    }

    /// Reads a picture's file, PNG or JPEG, with the texts that a PNG has.
    ///
    /// - Throws: `PictureFolderError`.
    package static func read(_ file: String) throws(PictureFolderError) -> PNG.Contents {
        guard let data = try? Data(contentsOf: URL(filePath: file)) else {
            throw .unreadable(path: file)
        }
        do throws(ImageCodecError) {
            let bytes = [UInt8](data)
            guard JPEG.isJPEG(bytes) else { return try PNG.decode(bytes) }
            return PNG.Contents(image: try JPEG.decode(bytes), texts: [])
        } catch {
            throw .notAPicture(path: file, reason: error.description)
        }
    }

    /// Reads a picture and the prompt recorded in it.
    ///
    /// - Throws: `PictureFolderError`.
    package func captionedPicture(
        _ number: Int
    ) throws(PictureFolderError) -> (image: RGBImage, prompt: String) {
        let contents = try contents(of: number)
        guard let text = contents.text("parameters") else {
            throw .noPrompt(path: "\(path)/\(names[number] ?? "")")
        }
        return (contents.image, GenerationParametersText(parsing: text).prompt)
    }

    /// The number at the beginning of a picture's name.
    private static func number(_ name: String) -> Int? {
        guard name.hasSuffix(".png") else { return nil }
        return Int(name.prefix { $0.isASCII && $0.isNumber })
    }
}

/// Why a directory's pictures cannot be judged.
package enum PictureFolderError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String)
    case empty(path: String)
    case twice(path: String, number: Int, names: [String])
    case missing(path: String, number: Int)
    case beyond(path: String, number: Int, promptCount: Int)
    case notAPicture(path: String, reason: String)
    case noPrompt(path: String)
    case otherPrompt(path: String, drawn: String, number: Int, expected: String)

    /// The problem and its remedy.
    package var description: String {
        switch self {
        case .unreadable(let path): "cannot read \(path)"
        case .empty(let path):
            """
            no pictures in \(path): names must begin with the number of their prompt, as in \
            00000.png
            """
        case .twice(let path, let number, let names):
            """
            \(path) has several pictures of prompt \(number) (\(names.joined(separator: ", "))); \
            leave one
            """
        case .missing(let path, let number):
            """
            \(path) has no picture of prompt \(number); add it, or take it out of the other \
            directories
            """
        case .beyond(let path, let number, let promptCount):
            """
            \(path) has a picture of prompt \(number), but there are only \(promptCount) prompts; \
            give the run's prompts with --prompts
            """
        case .notAPicture(let path, let reason): "\(path): \(reason)"
        case .noPrompt(let path):
            """
            \(path) does not say what it was generated from; it needs a text "parameters", as the \
            pictures of retom-coord and retom-eval have
            """
        case .otherPrompt(let path, let drawn, let number, let expected):
            """
            \(path) was generated from "\(drawn)", but prompt \(number) is "\(expected)"; give the \
            run's prompts with --prompts
            """
        }
    }
}
