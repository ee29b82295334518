// SPDX-License-Identifier: Apache-2.0

import ServiceAPI
import Testing

/// A web page must not use its visitor's machine.
@Suite struct HostRulesTests {
    static let rules = HostRules(
        boundHost: "10.0.0.5", publicURL: "https://Draw.example.org/",
        allowedOrigins: ["https://app.example.org"])

    @Test(arguments: [
        "localhost", "localhost:7860", "127.0.0.1:7860", "[::1]:7860", "10.0.0.5",
        "draw.example.org", "draw.example.org:443", "LOCALHOST:1",
    ]) func itsOwnNames(_ host: String) {
        #expect(Self.rules.problem(host: host, origin: nil) == nil)
    }

    /// A service that listens at all addresses is called by the one that a request comes to.
    @Test func theAddressThatWasReached() {
        let rules = HostRules(boundHost: "0.0.0.0")
        #expect(rules.problem(host: "192.168.1.5:7860", origin: nil, address: "192.168.1.5") == nil)
        #expect(rules.problem(host: "[fd00::5]", origin: nil, address: "fd00::5") == nil)
        let mapped = rules.problem(host: "10.0.0.1", origin: nil, address: "::ffff:10.0.0.1")
        #expect(mapped == nil)
        #expect(rules.problem(host: "192.168.1.6", origin: nil, address: "192.168.1.5") != nil)
        #expect(rules.problem(host: "192.168.1.5", origin: nil) != nil)
        let page = rules.problem(
            host: "192.168.1.5:7860", origin: "http://192.168.1.5:7860", address: "192.168.1.5")
        #expect(page == nil)
    }

    /// Names that an attacker binds to this machine's address.
    @Test(arguments: [
        nil, "", "evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org:80", "10.0.0.50",
        "[::2]", "draw.example.org.evil.org",
    ]) func otherNames(_ host: String?) {
        #expect(Self.rules.problem(host: host, origin: nil)?.status == 421)
    }

    @Test func origins() {
        func status(_ origin: String?, _ host: String = "localhost:7860") -> Int? {
            Self.rules.problem(host: host, origin: origin)?.status
        }
        #expect(status("http://localhost:7860") == nil)
        #expect(status("https://app.example.org") == nil)
        #expect(status("https://draw.example.org", "draw.example.org") == nil)
        for foreign in [
            "null", "http://localhost:8000", "https://evil.org", "https://app.example.org.evil.org",
            "http://app.example.org", "",
        ] {
            #expect(status(foreign) == 403, "\(foreign)")
        }
        #expect(Self.rules.allows("https://APP.example.org/") && !Self.rules.allows("null"))
    }
}
