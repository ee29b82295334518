// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// A service that speaks HTTPS.
    @Suite struct ServiceHTTPSTests {
        /// What a TLS client of another make gets that trusts an authority; empty without trust.
        private static func get(_ path: String, _ port: Int, authority: String) throws -> String {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [
                "openssl", "s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1",
                "-CAfile", authority, "-connect", "127.0.0.1:\(port)",
            ]
            let (input, output) = (Pipe(), Pipe())
            (process.standardInput, process.standardOutput) = (input, output)
            process.standardError = FileHandle.nullDevice
            try process.run()
            let request =
                "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
            try input.fileHandleForWriting.write(contentsOf: Data(request.utf8))
            let answer = output.fileHandleForReading.readDataToEndOfFile()
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            return String(decoding: answer, as: UTF8.self)
        }

        private static func options(_ made: Certificates) -> [String] {
            [
                "--http-tls-cert", made.file("127.0.0.1.pem"), "--http-tls-key",
                made.file("127.0.0.1.key"),
            ]
        }

        @Test func itIsSpokenWithCertificatesThatAreRenewed() async throws {
            let studio = try Studio()
            let made = try Certificates(in: studio.directory, "127.0.0.1")
            let words = Self.options(made)
            let service = try await studio.serve(words[0], words[1], words[2], words[3])
            let port = service.client.port
            let answer = try Self.get("/healthz", port, authority: made.file("ca.pem"))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.hasSuffix("ok\n"), "\(answer)")
            let plain = try await service.client.send("GET", "/healthz")
            #expect(plain.status == 400 && plain.text.contains("use https://"), "\(plain)")
            let renewed = try Certificates(in: studio.directory, folder: "renewed", "127.0.0.1")
            #expect(try Self.get("/healthz", port, authority: renewed.file("ca.pem")).isEmpty)
            for name in ["127.0.0.1.pem", "127.0.0.1.key"] {
                #expect(rename(renewed.file(name), made.file(name)) == 0)
            }
            let deadline = ContinuousClock.now + RunningProgram.patience
            while try Self.get("/healthz", port, authority: renewed.file("ca.pem")).isEmpty {
                try #require(ContinuousClock.now < deadline)
                try await Task.sleep(for: .milliseconds(200))
            }
            service.program.send(SIGTERM)
            let ending = try await service.program.ending(within: .seconds(20))
            #expect(ending.code == 0, "\(ending)")
        }

        @Test func unusableFilesAreOneSentence() async throws {
            let studio = try Studio()
            let made = try Certificates(in: studio.directory, "127.0.0.1")
            let expired = try Certificates(
                in: studio.directory, folder: "old", "-d", "0", "127.0.0.1")
            let (certificate, key) = (made.file("127.0.0.1.pem"), made.file("127.0.0.1.key"))
            let open = try studio.directory.write(
                Array(try Data(contentsOf: URL(filePath: key))), to: "open.key")
            #expect(chmod(open, 0o644) == 0)
            let cases: [([String], String)] = [
                (["--http-tls-cert", certificate], "used together"),
                (["--http-tls-key", key], "used together"),
                (["--http-tls-cert", "absent.pem", "--http-tls-key", key], "absent.pem: can't be"),
                (
                    ["--http-tls-cert", key, "--http-tls-key", key],
                    "can't be read as a certificate"
                ),
                (
                    [
                        "--http-tls-cert", certificate, "--http-tls-key",
                        made.file("coordinator.key"),
                    ],
                    "is not the key of"
                ),
                (["--http-tls-cert", certificate, "--http-tls-key", open], "chmod 600"),
                (Self.options(expired), "has expired"),
            ]
            for (words, part) in cases {
                let ending = try await RunningProgram(
                    "retom-serve", ["--state", "s", "--port", "0"] + words, in: studio.directory
                ).ending()
                #expect(ending.code == 2 && ending.errorOutput.contains(part), "\(ending)")
            }
            #expect(studio.names(out: "s") == nil)
        }
    }
}
