// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceAPI
import TestSupport
import Testing

extension HTTPDoorTests {
    /// Sessions of browsers.
    @Suite struct SessionTests {
        private static let (session, batches) = ("/retom/v1/session", "/retom/v1/batches")

        private func signIn(_ client: HTTPClient) async throws -> String {
            let answer = try await client.send(
                "POST", Self.session, headers: ["Authorization": "Bearer good"])
            #expect(answer.status == 204 && answer.body.isEmpty, "\(answer)")
            return try #require(answer.headers["set-cookie"])
        }

        @Test func aKeyBecomesACookieUntilItIsEnded() async throws {
            try await HTTPDoorTests.withDoor(needsKeys: true) { client in
                let field = try await signIn(client)
                let name = "retom_session_\(client.port)"
                #expect(
                    field == "\(name)=s1; Max-Age=60; Path=/; HttpOnly; SameSite=Strict")
                let cookie = ["Cookie": "other=1; \(name)=s1"]
                for path in [Self.batches, "\(Self.batches)/b1/images/0", "/v1/models"] {
                    #expect(try await client.send("GET", path, headers: cookie).status == 200)
                }
                #expect(try await client.send("GET", Self.batches).status == 401)
                for wrong in ["\(name)=s2", "retom_session_1=s1", "\(name)", "=s1", ""] {
                    let answer = try await client.send(
                        "GET", Self.batches, headers: ["Cookie": wrong])
                    #expect(answer.status == 401, "\(wrong)")
                }
                let ended = try await client.send("DELETE", Self.session, headers: cookie)
                #expect(ended.status == 204)
                #expect(ended.headers["set-cookie"]?.hasPrefix("\(name)=; Max-Age=0;") == true)
                #expect(try await client.send("GET", Self.batches, headers: cookie).status == 401)
                #expect(try await client.send("DELETE", Self.session).status == 204)
            }
        }

        @Test func onlyAKeyOpensASession() async throws {
            try await HTTPDoorTests.withDoor { client in
                for headers in [[:], ["Authorization": "Bearer bad"]] {
                    let answer = try await client.send("POST", Self.session, headers: headers)
                    #expect(answer.status == 401 && answer.headers["set-cookie"] == nil)
                }
            }
        }

        /// The browser sends the cookie along; whose page asks is in other fields.
        @Test func otherPagesHaveNoUseOfIt() async throws {
            try await HTTPDoorTests.withDoor(needsKeys: true) { client in
                _ = try await signIn(client)
                let cookie = ["Cookie": "retom_session_\(client.port)=s1"]
                func status(_ method: String, _ more: [String: String]) async throws -> Int {
                    let headers = cookie.merging(more) { $1 }
                    return try await client.send(method, Self.batches, headers: headers).status
                }
                #expect(try await status("GET", ["Sec-Fetch-Site": "same-origin"]) == 200)
                #expect(try await status("GET", ["Sec-Fetch-Site": "none"]) == 200)
                #expect(try await status("GET", ["Sec-Fetch-Site": "same-site"]) == 401)
                #expect(try await status("GET", ["Sec-Fetch-Site": "cross-site"]) == 401)
                let port = client.port
                #expect(try await status("GET", ["Origin": "http://127.0.0.1:\(port)"]) == 200)
                #expect(try await status("GET", ["Origin": "http://127.0.0.1:1"]) == 403)
                #expect(try await status("POST", ["Origin": "http://evil.org"]) == 403)
                #expect(try await status("POST", ["Content-Type": "text/plain"]) == 415)
                // Pages that are allowed bring a key; their cookies are not asked for.
                let allowed = try await client.send(
                    "GET", Self.batches,
                    headers: cookie.merging(["Origin": "https://app.example.org"]) { $1 })
                #expect(allowed.headers["access-control-allow-credentials"] == nil)
            }
        }

        @Test func itIsSecureUnderTLS() {
            let cookie = SessionCookie(port: 7860, isSecure: true)
            #expect(cookie.beginning("a", seconds: 1).hasSuffix("; SameSite=Strict; Secure"))
            #expect(cookie.end.hasSuffix("; Secure"))
        }
    }
}
