// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import Glibc
import TestSupport
import Testing
import WireProtocol

extension EndToEndTests {
    /// Keys, certificates and addresses from a user's point of view.
    @Suite struct SecurityTests {
        private func key(_ text: String, in studio: Studio, as name: String) throws -> String {
            let path = try studio.directory.write("\(text)\n", to: name)
            chmod(path, 0o600)
            return path
        }

        @Test func oneKeyIsAcceptedAndOthersAreRefusedByName() async throws {
            let studio = try Studio()
            let good = try key(String(repeating: "0123456789abcdef", count: 4), in: studio, as: "a")
            let other = try key(
                String(repeating: "fedcba9876543210", count: 4), in: studio, as: "b")
            let worker = try await studio.worker("--auth-key-file", good)
            let hosts = try studio.hosts(worker.address)
            let drawn = try await studio.draw(
                "-p", "a", "--workers", hosts, "--auth-key-file", good, "--save-latents")
            #expect(drawn.code == 0, "\(drawn)")
            let wrong = try await studio.draw(
                "-p", "a", "--workers", hosts, "--auth-key-file", other, out: "wrong")
            #expect(wrong.code == 3, "\(wrong)")
            #expect(wrong.errorOutput.contains("the keys differ"), "\(wrong)")
            let none = try await studio.draw("-p", "a", "--workers", hosts, out: "none")
            #expect(none.code == 3, "\(none)")
            #expect(none.errorOutput.contains("the worker asks for a key"), "\(none)")
            let open = try await studio.worker()
            let openHosts = try studio.hosts(open.address, name: "open.txt")
            let alone = try await studio.draw(
                "-p", "a", "--workers", openHosts, "--auth-key-file", good, out: "alone")
            #expect(alone.code == 3, "\(alone)")
            #expect(alone.errorOutput.contains("the worker does not take a key"), "\(alone)")
            // Both ends report it, and neither prints a key.
            #expect(count("the keys differ", in: worker.program.output) == 1)
            #expect(count("came without a key", in: worker.program.output) == 1)
            #expect(count("the peer speaks TLS", in: open.program.output) == 1)
            for text in [wrong.errorOutput, worker.program.output, worker.program.errorOutput] {
                #expect(!text.contains("0123456789abcdef") && !text.contains("fedcba98"))
            }
            // Encryption changes no byte.
            let local = try await studio.draw("-p", "a", "--save-latents", out: "local")
            #expect(local.code == 0, "\(local)")
            let name = "00000-100.safetensors"
            #expect(try studio.bytes(name) == studio.bytes(name, out: "local"))
        }

        @Test func tlsIsAcceptedAndPlainPeersAreRefusedByName() async throws {
            let studio = try Studio()
            let made = try Certificates(in: studio.directory, "127.0.0.1")
            let program = try RunningProgram(
                "retom-worker",
                ["--port", "0", "-t", "1", "--exit-with-parent"] + made.options(for: "127.0.0.1"),
                in: studio.directory, input: .open)
            let line = try await program.line { $0.hasPrefix("listening on ") }
            let hosts = try studio.hosts(String(line.dropFirst("listening on ".count)))
            let drawn = try await studio.start(
                ["-p", "a", "--workers", hosts] + made.options(for: "coordinator")
            ).ending()
            #expect(drawn.code == 0, "\(drawn)")
            let plain = try await studio.draw("-p", "a", "--workers", hosts, out: "plain")
            #expect(plain.code == 3, "\(plain)")
            #expect(plain.errorOutput.contains("takes TLS connections only"), "\(plain)")
            #expect(count("came without TLS", in: program.output) == 1)
        }

        @Test func otherMachinesNeedAKeyOrTLS() async throws {
            let studio = try Studio()
            for host in ["0.0.0.0", "::", "node01"] {
                let ending = try await RunningProgram(
                    "retom-worker", ["--port", "0", "--host", host], in: studio.directory
                ).ending()
                #expect(ending.code == 2, "\(ending)")
                for part in ["--host \(host)", "openssl rand -hex 32", "make-certificates"] {
                    #expect(ending.errorOutput.contains(part), "\(ending)")
                }
            }
            let hosts = try studio.hosts("127.0.0.1", "node01.example:7400")
            let ending = try await studio.draw("-p", "a", "--workers", hosts)
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains("node01.example is another machine"), "\(ending)")
            #expect(studio.names() == nil, "nothing is created before that is reported")
        }

        /// Strangers may use any name; the owner's terminal must not be affected.
        @Test func textFromStrangersIsEscaped() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let none = [UInt8](repeating: 0, count: 32)
            let node = NodeDescription(
                role: .coordinator, instance: [UInt8](repeating: 1, count: 16),
                name: "x\u{1B}[2J\nlistening on forged", build: "test", kernelClass: "test",
                coreCount: 1, memoryByteCount: 1,
                model: ModelFingerprint(unet: none, textEncoder: none, vae: none), credits: 0)
            let hello = Message.hello(node).frame()
            let stranger = try Stranger(port: worker.port, says: hello.encoded())
            _ = try stranger.reply()
            _ = try await worker.program.line { $0.contains("x [2J listening on forged") }
            #expect(!worker.program.output.contains("\u{1B}"))
        }

        @Test func badKeyFilesAreReportedAtOnce() async throws {
            let studio = try Studio()
            let short = try key("secret", in: studio, as: "short")
            let open = try key(String(repeating: "0123456789abcdef", count: 4), in: studio, as: "o")
            chmod(open, 0o644)
            for (path, words) in [
                (short, "6 characters are too few"), (open, "chmod 600"), ("none", "can't be read"),
            ] {
                let ending = try await RunningProgram(
                    "retom-worker", ["--port", "0", "--auth-key-file", path], in: studio.directory
                ).ending()
                #expect(ending.code == 2, "\(ending)")
                #expect(ending.errorOutput.contains(words), "\(ending)")
            }
            let half = try await studio.draw("-p", "a", "--tls-cert", "c.pem")
            #expect(half.code == 2 && half.errorOutput.contains("used together"), "\(half)")
        }

        /// Others on this machine can neither use the workers of a run nor read their key.
        @Test func localWorkersAcceptOnlyTheirCoordinator() async throws {
            let studio = try Studio()
            let run = try studio.start(
                ["--steps", "60", "-b", "4", "-p", "a red house", "--json"])
            _ = try await run.line { $0.contains("\"image_progress\"") }
            let child = try #require(run.children.first)
            let words = try String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8)
                .split(separator: "\0")
            #expect(
                words.contains("--auth-key-file")
                    && words.allSatisfy { $0.count < 64 || $0.contains("/") })
            let address = try #require(
                run.output.split(separator: "\"").first { $0.hasPrefix("127.0.0.1:") })
            let hosts = try studio.hosts(String(address))
            let thief = try await studio.draw("-p", "b", "--workers", hosts, out: "thief")
            #expect(thief.code == 3, "\(thief)")
            #expect(thief.errorOutput.contains("the worker asks for a key"), "\(thief)")
            #expect(try await run.ending().code == 0)
        }
    }
}
