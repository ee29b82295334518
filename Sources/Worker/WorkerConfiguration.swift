// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes

/// What a worker is and where it listens.
package struct WorkerConfiguration: Sendable {
    /// Address to listen on; loopback unless the user says otherwise.
    package var host = "127.0.0.1"
    /// TCP port; 0 lets the system choose, `WorkerEvent.listening` says which.
    package var port = 7400
    /// Name shown to people; `nil` for `host:port`.
    package var name: String?
    /// Version and build of the program.
    package var build: String
    /// What decides the last bit besides the model: precision, backend, instruction set, threads.
    package var kernelClass: String
    /// Cores it computes with.
    package var coreCount: Int
    /// Physical memory in bytes.
    package var memoryByteCount: UInt64
    /// The weights it holds.
    package var model: ModelFingerprint
    /// Images it takes at a time: 1 computing and the rest waiting, so that it never idles while
    /// a result travels.
    package var credits = 2
    /// Connections at a time, refused coordinators and strangers included.
    package var connectionCountMax = 64
    /// How long it waits for what.
    package var timeouts = ClusterTimeouts()

    /// Makes a configuration with defaults for all that may differ between machines of one kind.
    package init(
        build: String, kernelClass: String, coreCount: Int, memoryByteCount: UInt64,
        model: ModelFingerprint
    ) {
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
        self.model = model
    }
}
