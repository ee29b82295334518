// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEndTests {
    /// `cluster/slurm/retom.sbatch` with stand-ins for Slurm's commands; `scripts/slurm` runs it on
    /// a real one.
    @Suite(.timeLimit(.minutes(5))) struct SlurmScriptTests {
        private static let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../cluster/slurm/retom.sbatch").standardized.path
        private static let line = [
            "-s", "100", "--steps", "60", "-W", "64", "-H", "64", "-t", "1", "-p", "a", "-b", "9",
            "--json", "-o", "out",
        ]

        private let studio: Studio

        init() throws {
            studio = try Studio()
            try stand(
                in: "srun",
                """
                while [ "${1#--}" != "$1" ]; do
                    case $1 in --output=*) log=${1#--output=} ;; esac
                    shift
                done
                SLURMD_NODENAME=127.0.0.1 exec "$@" >"${log/\\%t/0}" 2>&1
                """)
            try stand(in: "squeue", "printf '%s\\n' $RUNNING_JOBS")
            try stand(in: "scancel", "exit 1")
        }

        private func stand(in name: String, _ body: String) throws {
            let path = try studio.directory.write("#!/bin/bash\n\(body)\n", to: "bin/\(name)")
            try #require(chmod(path, 0o755) == 0)
        }

        private func submit(job: Int, running: String) throws -> RunningProgram {
            try RunningProgram(
                "retom-coord", [], in: studio.directory,
                preparations: """
                    export PATH=\(studio.directory.path)/bin:$PATH RETOM_BIN=\(RunningProgram.executables)
                    export SLURM_JOB_ID=\(job) SLURM_NTASKS=1 RUNNING_JOBS='\(running)'
                    exec bash \(Self.script) \(Self.line.joined(separator: " ")) --begin-or-resume
                    """)
        }

        /// Folders of jobs in the working directory.
        private var folders: [String] {
            let names = try? FileManager.default.contentsOfDirectory(
                atPath: studio.directory.path)
            return (names ?? []).filter { $0.hasPrefix(".retom-job-") }.sorted()
        }

        @Test func aKilledJobLeavesNoSecretAndTheNextOneCleansUp() async throws {
            let killed = try submit(job: 7, running: "7")
            _ = try await killed.line { $0.contains("\"image_written\"") }
            let children = killed.children
            killed.send(SIGKILL)
            #expect(try await killed.ending().code == 128 + SIGKILL)
            for child in children { kill(child, SIGKILL) }
            // The coordinator holds the directory until it has ended.
            while children.contains(where: { kill($0, 0) == 0 }) {
                try await Task.sleep(for: .milliseconds(5))
            }
            let folder = try #require(folders.first)
            #expect(folder.hasPrefix(".retom-job-7-") && folders.count == 1)
            let files = try FileManager.default.contentsOfDirectory(
                atPath: studio.directory.file(folder))
            #expect(files.sorted() == ["hosts.txt", "worker-0.log"])
            for file in files {
                let text = try #require(studio.directory.text(of: "\(folder)/\(file)"))
                #expect(text.firstMatch(of: #/[0-9a-f]{64}/#) == nil, "\(file): \(text)")
            }
            try studio.directory.write("", to: ".retom-job-9-abcdef/hosts.txt")

            let next = try await submit(job: 8, running: "8\n9").ending()
            #expect(next.code == 0, "\(next)")
            #expect(folders == [".retom-job-9-abcdef"], "job 9 is still running")
            #expect(try studio.images().count { $0["status"] as? String == "written" } == 9)
        }

        @Test func theTimeLimitEndsAJobGracefullyAndItResumes() async throws {
            let stopped = try submit(job: 7, running: "7")
            _ = try await stopped.line { $0.contains("\"image_written\"") }
            stopped.send(SIGTERM)
            let ending = try await stopped.ending()
            #expect(ending.code == 143, "\(ending)")
            #expect(folders.isEmpty)
            #expect(try await submit(job: 8, running: "8").ending().code == 0)
            #expect(try studio.images().count { $0["status"] as? String == "written" } == 9)
        }
    }
}
