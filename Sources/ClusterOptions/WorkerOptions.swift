// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import ClusterTransport
package import CommandSupport
package import Coordinator
package import NodeSupport
import ProcessSupport
package import RunService

/// Which workers sample.
package struct WorkerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Use the workers listed in this file: one host[:port] per line, # begins a comment \
            (default port: \(WorkerAddress.defaultPort)); also a pipe, as <(scontrol show hostnames).
            """, valueName: "file"))
    package var workers: String?

    @Option(
        help: ArgumentHelp(
            "Start this many workers on this machine; they share --threads (default: 1).",
            valueName: "count"))
    package var localWorkers: Int?

    @Option(
        help: ArgumentHelp(
            """
            Let workers save every image after so many steps, so that another can resume it; \
            0 for never (default: about every ten seconds).
            """, valueName: "steps"))
    package var checkpointEvery: Int?

    @OptionGroup package var pictures: PictureOptions

    /// How often workers save their images.
    package var checkpoints: CheckpointPolicy { checkpointEvery.map { .every($0) } ?? .automatic }

    package init() {}

    package func validate() throws {
        if let checkpointEvery, !(0...1000).contains(checkpointEvery) {
            throw ValidationError("--checkpoint-every \(checkpointEvery): choose from 0 to 1000")
        }
        if workers != nil, localWorkers != nil {
            throw ValidationError("--workers and --local-workers exclude each other")
        }
        if workers != nil, pictures.count != nil {
            throw ValidationError(
                "--pictures is for workers that are started here; give it to retom-worker instead")
        }
        if let localWorkers, !(1...256).contains(localWorkers) {
            throw ValidationError("--local-workers \(localWorkers): choose from 1 to 256")
        }
    }

    /// The workers of the hosts file; `nil` if they are to be started here.
    ///
    /// - Throws: `HostsFileError`, `HostsFileUnreadable`, and what `SecurityOptions` throws.
    package func hosts(_ security: SecurityOptions) throws -> WorkerPool? {
        guard let workers else {
            guard !security.isGiven else {
                throw ValidationError(
                    """
                    --auth-key-file and --tls-… are for the workers of --workers; workers that \
                    are started here get a key of their own
                    """)
            }
            return nil
        }
        let bytes: [UInt8]
        do throws(InputFileError) {
            bytes = try InputFile.read(workers, byteCountMax: HostsFileUnreadable.byteCountMax)
        } catch {
            throw HostsFileUnreadable(path: workers, problem: error)
        }
        let addresses = try HostsFile.parse(bytes, name: workers)
        try security.check(addresses.map(\.host), .connecting)
        return .hosts(addresses, try security.load())
    }

    /// Processes to be started here.
    ///
    /// - Parameter imageCount: all images of a run, so that few of them get more threads each; `nil`
    ///   where more may come.
    package func localPool(
        compute: ComputeOptions, model: ChosenModel, imageCount: Int? = nil
    ) -> WorkerPool {
        let count = localWorkers ?? 1
        let threads = max(1, compute.threads / count)
        let pictures = pictures.suited(
            threadCount: threads, imageCount: imageCount.map { ($0 + count - 1) / count })
        return .local(
            count: count,
            arguments: ["--port", "0", "--exit-with-parent", "--auth-key-file", "-"]
                + pictures.arguments + model.arguments
                + compute.arguments(threadCount: threads))
    }
}

/// A hosts file that is not there or may not be read.
struct HostsFileUnreadable: Error, CustomStringConvertible {
    /// Largest hosts file.
    static let byteCountMax = 4 << 20

    let path: String
    let problem: InputFileError

    var description: String {
        let reason =
            switch problem {
            case .unreadable(let reason): "can't be read: \(reason)"
            case .tooLarge: "more than \(Self.byteCountMax >> 20) MiB"
            }
        return "\(path): \(reason); --workers takes a file with one host[:port] per line"
    }
}

extension DecodePlace: ExpressibleByArgument {}
