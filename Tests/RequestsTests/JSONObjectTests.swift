// SPDX-License-Identifier: Apache-2.0

import Foundation
import Requests
import TestSupport
import Testing

/// Objects of clients: what JSON is, and what of it is not taken.
@Suite struct JSONObjectTests {
    private func read(_ text: String) throws -> JSONValue? {
        try JSONObject.read(Array("{\"a\": \(text)}".utf8))["a"]
    }

    private func refusal(_ bytes: [UInt8]) -> String {
        do {
            return "taken: \(try JSONObject.read(bytes))"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        arguments: [
            ("null", .null), ("true", .bool(true)), ("false", .bool(false)), ("0", .integer(0)),
            ("-0", .integer(0)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .unsigned(1 << 63)),
            ("18446744073709551615", .unsigned(.max)), ("20.0", .integer(20)),
            ("2e1", .integer(20)), ("2.5", .number(2.5)), ("-1E-2", .number(-0.01)),
            ("18446744073709551616", .number(18446744073709551616)), ("\"\"", .string("")),
            ("\"家\"", .string("家")), (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
            (#""\u5bb6\uD83D\uDE00x""#, .string("家😀x")), ("\"\u{7f}\"", .string("\u{7f}")),
            ("[]", .array([])), ("[1,\"b\"]", .array([.integer(1), .string("b")])),
            ("{}", .object([:])),
            (" \t\r\n[ ] ", .array([])),
            (
                "{\"b\":{\"c\":[{}]}}",
                .object(["b": .object(["c": .array([.object([:])])])])
            ),
        ] as [(String, JSONValue)]) func values(_ text: String, _ value: JSONValue) throws
    {
        #expect(try read(text) == value)
    }

    @Test(
        arguments: [
            ("", "a value was expected at byte 6"), ("01", "comma"), ("+1", "value"),
            (".5", "value"), ("1.", "digit"), ("1e", "digit"), ("-", "digit"),
            ("1e999", "out of range"),
            ("0x10", "comma"), ("NaN", "value"), ("nul", "value"), ("tru", "value"),
            ("[1,]", "value"), ("[1 2]", "comma"), ("[", "value"), ("{\"b\" 1}", "colon"),
            ("{b:1}", "name"), ("{\"b\":1,}", "name"), ("\"", "does not end"),
            ("\"\n\"", "control character"), (#""\x""#, "no such escape"),
            (#""\u12g4""#, "four hexadecimal digits"), (#""\ud83d""#, "lone surrogate"),
            (#""\ude00""#, "lone surrogate"), (#""\ud83d\u0041""#, "lone surrogate"),
            (#""\ud83d\ud83d""#, "lone surrogate"), ("1, \"a\": 2", "\"a\" stands twice at byte 9"),
            ("{\"b\":1,\"\\u0062\":2}", "\"b\" stands twice"), ("1} {", "something follows"),
        ]) func refusals(_ text: String, _ part: String)
    {
        let refusal = refusal(Array("{\"a\": \(text)}".utf8))
        #expect(refusal.contains(part), "\(refusal)")
    }

    @Test func whatIsNoObjectIsRefused() {
        for text in ["", " ", "[]", "1", "\"a\"", "null"] {
            let refusal = refusal(Array(text.utf8))
            #expect(refusal.contains("expected") || refusal.contains("too early"), "\(refusal)")
        }
        #expect(refusal([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]).contains("not UTF-8"))
        #expect(
            refusal(Array("{\"a\":\"".utf8) + [0xC0, 0x80] + Array("\"}".utf8)).contains("UTF-8"))
        #expect(refusal([0x7B, 0x00, 0x7D, 0x00]).contains("a name was expected"))
        #expect(refusal([0xEF, 0xBB, 0xBF] + Array("{}".utf8)) == "taken: [:]")
    }

    @Test func depthAndCountAreLimited() {
        func nested(_ depth: Int) -> [UInt8] {
            // The object around them counts.
            let (open, close) = (
                String(repeating: "[", count: depth), String(repeating: "]", count: depth)
            )
            return Array("{\"a\":\(open)\(close)}".utf8)
        }
        #expect(refusal(nested(31)).hasPrefix("taken"))
        #expect(refusal(nested(32)).contains("nested more than 32 deep"))
        #expect(refusal(nested(1 << 19)).contains("nested more than 32 deep"))
        func list(_ count: Int) -> [UInt8] {
            Array("{\"a\":[\(Array(repeating: "1", count: count).joined(separator: ","))]}".utf8)
        }
        #expect(refusal(list(99_998)).hasPrefix("taken"))
        #expect(refusal(list(99_999)).contains("more than 100000 values"))
    }

    /// A value with its numbers as they compare: others keep decimal digits beyond 64 bits.
    private func comparable(_ value: Any) -> NSObject {
        switch value {
        case let object as [String: Any]: object.mapValues(comparable) as NSDictionary
        case let array as [Any]: array.map(comparable) as NSArray
        case let number as NSNumber: NSNumber(value: Float(number.doubleValue))
        default: value as? NSObject ?? NSNull()
        }
    }

    /// Another parser finds the same values in whatever this one takes.
    @Test func anotherParserAgrees() throws {
        var generator = SplitMix64(seed: 5)
        let seeds = [
            #"{"a":[1,2.5,-3e2,"x\u00e9\n",true,null,{"b":{}}],"c":18446744073709551615}"#,
            #"{"prompts":["a",{"prompt":"家","seed":7}],"settings":{"steps":20,"cfg_scale":7.5}}"#,
        ].map { Array($0.utf8) }
        var taken = 0
        for round in 0..<3000 {
            var bytes = seeds[round % 2]
            for _ in 0...Int.random(in: 0...1, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: bytes.remove(at: place)
                default:
                    bytes.insert(
                        bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: place)
                }
            }
            guard let object = try? JSONObject.read(bytes) else { continue }
            taken += 1
            let text = String(decoding: bytes, as: UTF8.self)
            let theirs = try #require(
                try? JSONSerialization.jsonObject(with: Data(bytes)), "\(text)")
            let ours = try JSONSerialization.jsonObject(with: JSONEncoder().encode(object))
            #expect(comparable(theirs).isEqual(comparable(ours)), "\(text)")
        }
        #expect(taken > 150)
    }
}
