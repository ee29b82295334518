// SPDX-License-Identifier: Apache-2.0

import Coordinator
import Glibc
import Testing

/// Real processes: shell scripts that behave as a worker does at its edges.
@Suite(.timeLimit(.minutes(5))) struct LocalWorkersTests {
    private func start(
        _ script: String, count: Int = 1, timeout: Duration = .seconds(20),
        onExit: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> LocalWorkers {
        try await LocalWorkers.start(
            count: count, executable: "/bin/sh", arguments: ["-c", script],
            environment: ["PATH=/usr/bin:/bin"], startTimeout: timeout, group: TestCluster.group,
            onExit: onExit)
    }

    @Test func portsAreReadAndInputEndsTheProcess() async throws {
        let exitReports = Recorder<String>()
        let workers = try await start(
            "echo listening on 127.0.0.1:12345; echo more; cat >/dev/null", count: 2
        ) { exitReports.record($0) }
        #expect(workers.addresses == [WorkerAddress(host: "127.0.0.1", port: 12345)] * 2)
        await workers.stop()
        #expect(exitReports.all.isEmpty)
    }

    @Test func anEarlyExitIsReportedWithItsLastOutput() async throws {
        let error = await #expect(throws: LocalWorkersError.self) {
            _ = try await start("echo no such model >&2; echo sorry >&2; exit 3")
        }
        #expect(
            error
                == .exitedEarly(
                    exit: "exited with status 3", lastLines: ["no such model", "sorry"]))
    }

    @Test func socketsAreNotInherited() async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor > 2)
        defer { close(descriptor) }
        let error = await #expect(throws: LocalWorkersError.self) {
            _ = try await start("[ -e /proc/$$/fd/\(descriptor) ] && echo inherited >&2; exit 3")
        }
        #expect(error == .exitedEarly(exit: "exited with status 3", lastLines: []))
    }

    @Test func laterDeathIsReportedOnce() async throws {
        let exitReports = Recorder<String>()
        let workers = try await start(
            "echo listening on 127.0.0.1:1; echo out of memory >&2; kill -9 $$"
        ) { exitReports.record($0) }
        let exitReport = await exitReports.first { $0 }
        #expect(exitReport.contains("was ended by signal 9"))
        #expect(exitReport.contains("out of memory"))
        await workers.stop()
        #expect(exitReports.all.count == 1)
    }

    @Test func silenceEndsWithAnError() async throws {
        let error = await #expect(throws: LocalWorkersError.self) {
            _ = try await start("echo loading >&2; cat >/dev/null", timeout: .milliseconds(300))
        }
        #expect(error == .silent(seconds: 0.3, lastLines: ["loading"]))
    }

    @Test func otherFirstLinesAreErrors() async throws {
        let error = await #expect(throws: LocalWorkersError.self) {
            _ = try await start("echo hello; cat >/dev/null")
        }
        #expect(error == .unexpectedFirstLine("hello"))
    }

    @Test func missingProgramIsATypedError() async throws {
        let error = await #expect(throws: LocalWorkersError.self) {
            _ = try await LocalWorkers.start(
                count: 1, executable: "/no/such/retom-worker", arguments: [], environment: [],
                group: TestCluster.group, onExit: { _ in })
        }
        #expect(error?.description.contains("No such file") == true)
    }

    @Test func stubbornProcessIsKilled() async throws {
        let workers = try await start(
            "trap '' TERM; echo listening on 127.0.0.1:1; while :; do sleep 0.01; done")
        await workers.stop(grace: .milliseconds(20))
    }
}

private func * (addresses: [WorkerAddress], count: Int) -> [WorkerAddress] {
    (0..<count).flatMap { _ in addresses }
}
