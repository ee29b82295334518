// SPDX-License-Identifier: Apache-2.0

import Foundation
import Runs
import TestSupport
import Testing
import WebPage

/// The page's files: what a browser may do with them, and what they must not hold.
@Suite struct WebPageTests {
    static let files = [WebPage.index] + WebPage.parts

    private func text(_ file: WebPage.File) -> String {
        String(decoding: file.bytes, as: UTF8.self)
    }

    private var markup: String { text(WebPage.index) }

    @Test func itIsSmall() {
        let sizes = Self.files.map(\.bytes.count)
        #expect(sizes.reduce(0, +) <= 60 << 10, "\(Self.files.map(\.name)) \(sizes)")
        for file in Self.files where file.name.hasSuffix(".js") {
            let lines = text(file).split(separator: "\n", omittingEmptySubsequences: false).count
            #expect(lines <= 201, "\(file.name) has \(lines) lines")
        }
    }

    @Test func nothingIsInline() throws {
        // The policy would refuse it, and the page would break.
        for pattern in [
            #"<script(?![^>]*\bsrc=)"#, #"<style"#, #"\sstyle="#, #"\son[a-z]+="#, #"javascript:"#,
        ] {
            let found = markup.range(of: pattern, options: [.regularExpression, .caseInsensitive])
            #expect(found == nil, "\(pattern)")
        }
        for file in WebPage.parts where file.name.hasSuffix(".js") {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                #expect(!text(file).contains(word), "\(file.name): \(word)")
            }
        }
    }

    @Test(arguments: WebPageTests.files.map(\.name))
    func nothingIsForeign(_ name: String) throws {
        let file = try #require(Self.files.first { $0.name == name })
        // The one name that is no address.
        let text = text(file).replacing("http://www.w3.org/2000/svg", with: "")
        let found = text.range(of: #"(\w+:)?//[a-z0-9]"#, options: .regularExpression)
        #expect(found == nil, "\(found.map { String(text[$0]) } ?? "")")
    }

    @Test func everyPartThatIsNamedIsThere() throws {
        let names = Set(Self.files.map(\.name))
        var named: Set<String> = []
        for match in markup.matches(of: /(?:src|href)="([^"#]+)"/) { named.insert(String(match.1)) }
        for file in WebPage.parts where file.name.hasSuffix(".js") {
            for match in text(file).matches(of: /(?:from|import) "\.\/([^"]+)"/) {
                named.insert(String(match.1))
            }
        }
        #expect(named.isSubset(of: names), "\(named.subtracting(names))")
        #expect(names.subtracting(named) == ["index.html"], "not used: \(names.subtracting(named))")
    }

    @Test func everyElementThatIsAskedForIsThere() throws {
        for file in WebPage.parts where file.name.hasSuffix(".js") {
            for match in text(file).matches(of: /\$\("([^"]+)"\)/) {
                #expect(markup.contains("id=\"\(match.1)\""), "\(file.name): \(match.1)")
            }
        }
    }

    /// Variables of a style, by name, in order of their appearance.
    private func variables(_ style: String) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for match in style.matches(of: /--([a-z-]+):\s*([^;}]+)/) {
            values[String(match.1), default: []].append(
                match.2.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return values
    }

    /// One service, one look: a run's gallery and this page have the same colours.
    @Test func itsPaletteIsTheGallerys() throws {
        let style = variables(text(try #require(WebPage.parts.first { $0.name == "app.css" })))
        let gallery = variables(GalleryPage.style)
        #expect(gallery.count > 8)
        for (name, values) in gallery where name != "shade" {
            let (light, dark) = (values.first ?? "", values.last ?? "")
            #expect(style[name]?.first == "light-dark(\(light), \(dark))", "--\(name)")
        }
    }
}

extension HTTPDoorTests {
    @Test func thePageNeedsNoKeyAndHasItsPolicy() async throws {
        try await Self.withDoor(needsKeys: true) { client in
            for file in WebPageTests.files {
                let answer = try await client.send("GET", "/\(file.name)")
                #expect(answer.status == 200 && Array(answer.body) == file.bytes, "\(file.name)")
                #expect(answer.headers["content-type"] == file.mediaType)
                #expect(answer.headers["content-security-policy"] == WebPage.policy)
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["cache-control"] == "no-cache")
                let known = try await client.send(
                    "GET", "/\(file.name)", headers: ["If-None-Match": file.tag])
                #expect(known.status == 304 && known.body.isEmpty, "\(file.name)")
                #expect(known.headers["content-security-policy"] == WebPage.policy)
            }
            let root = try await client.send("GET", "/")
            #expect(root.status == 200 && Array(root.body) == WebPage.index.bytes)
            #expect(WebPage.policy.contains("frame-ancestors 'none'"))
            for path in ["/app.jsx", "/Resources/app.js", "/..%2fapp.js", "/index"] {
                #expect(try await client.send("GET", path).status == 404, "\(path)")
            }
            let foreign = try await client.send("GET", "/", headers: ["Host": "evil.org"])
            #expect(foreign.status == 421, "\(foreign)")
        }
    }
}
