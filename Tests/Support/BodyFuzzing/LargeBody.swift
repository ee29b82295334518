// SPDX-License-Identifier: Apache-2.0

/// A body of about a mebibyte that asks for as much work or memory as its bytes can.
package struct LargeBody: Sendable {
    /// What is large.
    package let name: String
    /// Makes it.
    package let bytes: @Sendable () -> [UInt8]

    private static let byteCount = 1 << 20

    /// The bodies of a kind.
    package static func all(_ kind: BodyKind) -> [LargeBody] {
        let (head, tail) = frame(kind)
        func filled(_ name: String, _ part: String, _ open: String = "[", _ close: String = "]")
            -> LargeBody
        {
            LargeBody(name: name) {
                let room = Self.byteCount - head.utf8.count - tail.utf8.count - 2
                let count = room / (part.utf8.count + 1)
                let parts = Array(repeating: part, count: count).joined(separator: ",")
                return Array("\(head)\(open)\(parts)\(close)\(tail)".utf8)
            }
        }
        func text(_ name: String, _ part: String) -> LargeBody {
            LargeBody(name: name) {
                let count =
                    (Self.byteCount - head.utf8.count - tail.utf8.count - 2) / part.utf8.count
                return Array("\(head)\"\(String(repeating: part, count: count))\"\(tail)".utf8)
            }
        }
        return [
            filled("numbers", "1"), filled("fractions", "1.5e-7"), filled("empty objects", "{}"),
            filled("small objects", "{\"a\":1}"), filled("texts", "\"a\""), filled("arrays", "[]"),
            filled("one name", "\"a\":1", "{", "}"), text("text", "家"), text("escapes", "\\u5bb6"),
            text("nothing", "\\u0000"), text("commas", "a, "), text("brackets", "(((a:1)"),
            LargeBody(name: "depth") { Array(head.utf8) + Array(repeating: 0x5B, count: 1 << 20) },
            LargeBody(name: "digits") {
                Array(head.utf8) + Array(repeating: 0x39, count: 1 << 20) + Array(tail.utf8)
            },
            LargeBody(name: "names") {
                let names = (0..<80_000).map { "\"k\($0)\":1" }.joined(separator: ",")
                return Array("\(head){\(names)}\(tail)".utf8)
            },
            LargeBody(name: "blanks") { Array(repeating: 0x20, count: 1 << 20) },
            LargeBody(name: "zeros") { Array(repeating: 0, count: 1 << 20) },
        ]
    }

    /// What stands around a value that a kind reads.
    private static func frame(_ kind: BodyKind) -> (head: String, tail: String) {
        switch kind {
        case .json: ("{\"prompts\":", "}")
        case .lines: ("", "\n")
        case .txt2img, .generations: ("{\"prompt\":", "}")
        case .options: ("{\"sd_model_checkpoint\":", "}")
        case .pngInfo: ("{\"image\":", "}")
        }
    }
}
