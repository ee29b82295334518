// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes

/// A worker's description and listening address.
package struct WorkerConfiguration: Sendable {
    /// Address to listen on; loopback unless the user says otherwise.
    package var host = "127.0.0.1"
    /// TCP port; 0 lets the system choose, and `WorkerEvent.listening` reports it.
    package var port = 7400
    /// Name shown to people; `nil` for `host:port`.
    package var name: String?
    /// Version and build of the program.
    package var build: String
    /// What determines the last bit besides the model: precision, backend, instruction set,
    /// threads.
    package var kernelClass: String
    /// Cores it computes with.
    package var coreCount: Int
    /// Physical memory in bytes.
    package var memoryByteCount: UInt64
    /// The weights it holds.
    package var model: ModelFingerprint
    /// Images it accepts at a time; `nil` for twice as many as it samples, so that it never idles
    /// while results are on their way.
    package var credits: Int?
    /// Maximum connections, including refused coordinators and strangers.
    package var connectionCountMax = 64
    /// The timeouts.
    package var timeouts = ClusterTimeouts()

    /// Creates a configuration, with defaults for everything that may differ between machines of
    /// one kind.
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
