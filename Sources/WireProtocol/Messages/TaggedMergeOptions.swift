// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The merge options added after protocol 1.1, each preceded by its tag.
///
/// Only options that differ from their defaults are sent. A peer that does not know a tag refuses
/// the request: without the option it would generate another picture.
package enum TaggedMergeOptions {
    /// Kinds of values on the wire; numbers are never reused.
    private enum Kind: UInt8 {
        case flag = 1
        case whole = 2
        case number = 3
        case text = 4
        case list = 5
    }

    /// Maximum size of a text.
    private static let textByteCountMax = 255

    /// The bytes of a configuration's tagged options, in the order of `options`; empty if all have
    /// their defaults.
    package static func bytes(
        of merging: TokenMergeConfiguration, options: [TokenMergeOption] = TokenMergeOption.all
    ) -> [UInt8] {
        var writer = ByteWriter()
        for option in options {
            guard let tag = option.tag, let value = option.value(in: merging),
                value != option.standard
            else { continue }
            writer.write(tag)
            write(value, to: &writer)
        }
        return writer.bytes
    }

    private static func write(_ value: TokenMergeValue, to writer: inout ByteWriter) {
        switch value {
        case .flag(let flag):
            writer.write(Kind.flag.rawValue)
            writer.write(UInt8(flag ? 1 : 0))
        case .whole(let number):
            writer.write(Kind.whole.rawValue)
            writer.write(Int64(number))
        case .number(let number):
            writer.write(Kind.number.rawValue)
            writer.write(number)
        case .text(let text):
            writer.write(Kind.text.rawValue)
            writer.writeShortText(text, max: textByteCountMax)
        case .list(let numbers):
            writer.write(Kind.list.rawValue)
            writer.write(UInt16(clamping: numbers.count))
            for number in numbers { writer.write(UInt32(clamping: number)) }
        }
    }

    /// Sets the options listed in the bytes; ranges are not validated here.
    ///
    /// - Parameter lease: of the image that fails because of an unknown tag.
    /// - Throws: `notUnderstood` for an unknown tag or kind, `fieldOutOfRange` for a repeated tag
    ///   or a value of another kind.
    package static func set(
        _ bytes: [UInt8], in merging: inout TokenMergeConfiguration, type: MessageType,
        lease: Lease?, options: [TokenMergeOption] = TokenMergeOption.all
    ) throws(WireError) {
        var reader = ByteReader(bytes, of: type, lease: lease)
        var seen: Set<UInt8> = []
        while reader.remainingCount > 0 {
            let tag = try reader.read(UInt8.self, "merge option")
            guard let option = options.first(where: { $0.tag == tag }) else {
                throw reader.unknown("merge option", "\(tag)")
            }
            guard seen.insert(tag).inserted else {
                throw .fieldOutOfRange(type, field: "merge option", value: "\(tag)")
            }
            let value = try read(from: &reader)
            do throws(TokenMergeConfigurationError) {
                try option.set(value, in: &merging)
            } catch {
                throw .fieldOutOfRange(type, field: "merge option \(option.key)", value: "\(value)")
            }
        }
    }

    private static func read(from reader: inout ByteReader) throws(WireError) -> TokenMergeValue {
        let number = try reader.read(UInt8.self, "merge option kind")
        switch Kind(rawValue: number) {
        case .flag: return .flag(try reader.read(UInt8.self, "merge option", in: 0...1) == 1)
        case .whole: return .whole(Int(try reader.read(Int64.self, "merge option")))
        case .number:
            return .number(Double(bitPattern: try reader.read(UInt64.self, "merge option")))
        case .text: return .text(try reader.readShortText("merge option", max: textByteCountMax))
        case .list:
            let count = try reader.read(
                UInt16.self, "merge option", in: 0...TokenMergeConfiguration.refreshCallCountMax)
            var list: [Int] = []
            for _ in 0..<count { list.append(Int(try reader.read(UInt32.self, "merge option"))) }
            return .list(list)
        case nil:
            throw reader.unknown("merge option kind", "\(number)")
        }
    }
}
