// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What can be wrong with a `.safetensors` file, an index of shards, or a directory of weights.
///
/// Every description names the file and says what to do next.
package enum SafeTensorsError: Error, Equatable, CustomStringConvertible {
    /// The system refused to open or read a file.
    case cannotRead(file: String, errorNumber: Int32)
    /// The system refused to write a file; nothing was left behind.
    case cannotWrite(file: String, errorNumber: Int32)
    /// A file that was written to after it was opened.
    case changed(file: String)
    /// A pointer of Git LFS in the file's place.
    case gitLFSPointer(file: String)
    /// Fewer than the eight bytes that every file begins with.
    case tooShort(file: String, byteCount: Int)
    /// A header longer than the format, or the kind of file, allows.
    case headerTooLong(
        file: String, byteCount: UInt64, maximum: Int = SafeTensorsHeader.byteCountMax)
    /// A header that claims more bytes than the file has.
    case headerExceedsFile(file: String, headerByteCount: UInt64, fileByteCount: Int)
    /// A header that is not what the format says.
    case invalidHeader(file: String, reason: String)
    /// An entry of the header that can't be true.
    case invalidTensor(file: String, tensor: String, reason: String)
    /// Less tensor data than the header describes: a copy or download that stopped half-way.
    case truncated(file: String, expectedByteCount: Int, fileByteCount: Int)
    /// More bytes than the header describes.
    case trailingBytes(file: String, byteCount: Int)
    /// A tensor with a value that is infinite or no number.
    case notFinite(file: String, tensor: String)
    /// A tensor that the file does not hold.
    case tensorNotFound(file: String, tensor: String)
    /// A tensor of a type that can't be read as asked.
    case unsupportedType(file: String, tensor: String, type: String)
    /// A directory without weights.
    case missingWeights(directory: String, expected: [String])
    /// A directory whose weights are Python pickles only.
    case onlyPickle(directory: String, file: String)
    /// An index of shards that can't be used.
    case invalidIndex(file: String, reason: String)

    package var description: String {
        switch self {
        case .cannotRead(let file, let number):
            "can't read \(file) (\(Self.text(number))); check the path and its permissions"
        case .cannotWrite(let file, let number):
            "can't write \(file) (\(Self.text(number))); check the disk and its permissions"
        case .changed(let file):
            """
            \(file) was changed while it was in use: what is read now belongs to another model; \
            put new files beside old ones and rename them, and start the program again
            """
        case .gitLFSPointer(let file): "\(file) \(GitLFSPointer.explanation)"
        case .tooShort(let file, let byteCount):
            "\(file) has only \(byteCount) bytes and is no safetensors file; \(Self.again)"
        case .headerTooLong(let file, let byteCount, let maximum):
            """
            \(file) claims a header of \(byteCount) bytes, more than the \(maximum) that such a \
            file may have; it is damaged or no safetensors file; \(Self.again)
            """
        case .headerExceedsFile(let file, let header, let total):
            """
            \(file) claims a header of \(header) bytes but has \(total) bytes in all; it is \
            damaged or truncated; \(Self.again)
            """
        case .invalidHeader(let file, let reason):
            "the header of \(file) is damaged: \(reason); \(Self.again)"
        case .invalidTensor(let file, let tensor, let reason):
            "the header of \(file) is damaged at tensor '\(tensor)': \(reason); \(Self.again)"
        case .truncated(let file, let expected, let found):
            "\(file) is truncated: \(found) of \(expected) bytes; \(Self.again)"
        case .trailingBytes(let file, let byteCount):
            "\(file) has \(byteCount) bytes that its header does not describe; \(Self.again)"
        case .notFinite(let file, let tensor):
            """
            tensor '\(tensor)' of \(file) has values that are infinite or no numbers; it is \
            damaged, or its training failed; \(Self.again)
            """
        case .tensorNotFound(let file, let tensor):
            "\(file) has no tensor '\(tensor)'; is it the file for this model?"
        case .unsupportedType(let file, let tensor, let type):
            """
            tensor '\(tensor)' of \(file) has type \(type), which can't be read as weights; \
            convert it to F32, F16 or BF16
            """
        case .missingWeights(let directory, let expected):
            "\(directory) has no weights; expected one of \(expected.joined(separator: ", "))"
        case .onlyPickle(let directory, let file):
            """
            \(directory) has only \(file), a Python pickle, which is never loaded because it can \
            run code; load it once with diffusers or transformers (from_pretrained) and save it \
            with save_pretrained(…, safe_serialization=True)
            """
        case .invalidIndex(let file, let reason):
            "\(file) can't be used: \(reason); \(Self.again)"
        }
    }

    private static let again = "copy or download it again"

    private static func text(_ errorNumber: Int32) -> String {
        String(cString: strerror(errorNumber))
    }
}
