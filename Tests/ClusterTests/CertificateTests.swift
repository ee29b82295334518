// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Foundation
import TestSupport
import Testing
import Worker

/// Names, kinds of keys and ages of certificates, and the script that makes them.
@Suite(.timeLimit(.minutes(5))) struct CertificateTests {
    /// The outcome for a coordinator that calls a worker by `host`.
    private func call(
        _ host: String, _ coordinator: ClusterSecurity, _ worker: ClusterSecurity
    ) async throws -> (completed: Int, reasons: String) {
        try await withWorkers([TestWorker(security: worker)]) { addresses in
            let place = WorkerAddress(host: host, port: addresses[0].port)
            do {
                let record = try await TestCluster.coordinator([place], security: coordinator)
                    .record(TestCluster.requests(1))
                return (record.summary.completedCount, "")
            } catch CoordinatorError.noUsableWorker(let texts, _) {
                return (0, texts.joined(separator: "\n"))
            }
        }
    }

    /// A name that leads to an address is not the address, nor the other way round.
    @Test func theDialledNameMustBeInTheCertificate() async throws {
        let directory = try TemporaryDirectory()
        let made = try Certificates(in: directory, "127.0.0.1", "localhost")
        let coordinator = try tls(made, "coordinator")
        for named in ["127.0.0.1", "localhost"] {
            for dialled in ["127.0.0.1", "localhost", "LOCALHOST"] {
                let result = try await call(dialled, coordinator, try tls(made, named))
                let fits = dialled.lowercased() == named
                #expect(result.completed == (fits ? 1 : 0), "\(named), \(dialled): \(result)")
                guard !fits else { continue }
                #expect(result.reasons.contains("is for another host than '\(dialled)'"))
            }
        }
    }

    private struct Failed: Error { var output: String }

    /// Runs a command and returns its exit code and all it says.
    @discardableResult
    private static func run(
        _ program: String, _ arguments: [String], in directory: TemporaryDirectory
    ) throws -> (code: Int32, output: String) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: directory.file("."))
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Certificates w and c of an authority, all with keys of one kind; `kind` is for genpkey.
    private static func files(_ kind: String, in directory: TemporaryDirectory) throws {
        let script = """
            set -e; umask 077
            printf 'subjectAltName=IP:127.0.0.1\\n' > extensions
            openssl genpkey \(kind) -out ca.key
            openssl req -x509 -new -key ca.key -days 30 -subj /CN=ca -out ca.pem
            for name in w c; do
                openssl genpkey \(kind) -out $name.key
                openssl req -new -key $name.key -subj /CN=$name -out $name.request
                openssl x509 -req -in $name.request -CA ca.pem -CAkey ca.key -CAcreateserial \\
                    -days 30 -extfile extensions -out $name.pem
            done
            """
        let result = try run("/bin/bash", ["-c", script], in: directory)
        guard result.code == 0 else { throw Failed(output: result.output) }
    }

    private static func identity(_ name: String, in directory: TemporaryDirectory) throws
        -> ClusterSecurity
    {
        let key = [UInt8](try Data(contentsOf: URL(filePath: directory.file("\(name).key"))))
        return ClusterSecurity(
            tls: try TLSIdentity(
                certificatePath: directory.file("\(name).pem"), key: key,
                keyPath: directory.file("\(name).key"), authorityPath: directory.file("ca.pem"),
                now: Int(Date().timeIntervalSince1970)))
    }

    @Test(arguments: [
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        "-algorithm ED25519", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
    ])
    func theseKindsOfKeysWork(_ kind: String) async throws {
        let directory = try TemporaryDirectory()
        try Self.files(kind, in: directory)
        let result = try await call(
            "127.0.0.1", try Self.identity("c", in: directory), Self.identity("w", in: directory))
        #expect(result.completed == 1, "\(kind): \(result)")
    }

    @Test(arguments: [
        ("-algorithm EC -pkeyopt ec_paramgen_curve:P-224", "secp224r1"),
        ("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"),
        ("-algorithm ED448", "ED448"),
        ("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSA-PSS"),
        ("-algorithm RSA -pkeyopt rsa_keygen_bits:768", "RSA with 768 bits"),
    ])
    func othersAreRefusedByNameBeforeTheyAreUsed(_ kind: String, _ name: String) throws {
        let directory = try TemporaryDirectory()
        try Self.files(kind, in: directory)
        let path = directory.file("w.pem")
        #expect(throws: TLSIdentityError.unusableKey(path, kind: name)) {
            try Self.identity("w", in: directory)
        }
        #expect(TLSIdentityError.unusableKey(path, kind: name).description.contains("P-256"))
    }

    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../cluster/make-certificates").standardized.path

    private static func make(
        _ arguments: String..., in directory: TemporaryDirectory
    ) throws -> (code: Int32, output: String) {
        try run(script, ["-o", "made"] + arguments, in: directory)
    }

    @Test func theScriptSaysWhatIsWrong() throws {
        let directory = try TemporaryDirectory()
        let days = try Self.make("-d", "abc", "node01", in: directory)
        #expect(days.code == 2 && days.output.contains("-d abc: give a number of days"))
        let address = try Self.make("1.2.3", in: directory)
        #expect(address.code == 1 && address.output.contains("bad ip address"), "\(address)")
        let name = try Self.make("node 1", in: directory)
        #expect(name.code == 2 && name.output.contains("'node 1' is no host name"), "\(name)")
        // What failed leaves nothing that looks finished.
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.file("made"))
        #expect(files.sorted() == ["ca.key", "ca.pem", "coordinator.key", "coordinator.pem"])
    }

    @Test func expiredCertificatesAreMadeAgain() throws {
        let directory = try TemporaryDirectory()
        #expect(try Self.make("-d", "0", "node01", in: directory).code == 0)
        let first = try Data(contentsOf: URL(filePath: directory.file("made/node01.pem")))
        let again = try Self.make("-d", "400", "node01", in: directory)
        #expect(again.code == 0)
        #expect(again.output.contains("made/node01.pem has expired"), "\(again)")
        #expect(again.output.contains("made/coordinator.pem has expired"), "\(again)")
        let second = try Data(contentsOf: URL(filePath: directory.file("made/node01.pem")))
        #expect(first != second)
        // What is good stays as it is, without a word.
        let third = try Self.make("node01", in: directory)
        #expect(third.code == 0 && third.output.isEmpty, "\(third)")
        #expect(second == (try Data(contentsOf: URL(filePath: directory.file("made/node01.pem")))))
    }
}
