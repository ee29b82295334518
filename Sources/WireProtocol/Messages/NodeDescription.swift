// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A node's description of itself in HELLO and WELCOME.
package struct NodeDescription: Sendable, Equatable {
    /// Which end of the connection it is.
    package var role: PeerRole
    /// Random, 16 bytes, new for each run of a coordinator and each start of a worker.
    ///
    /// Distinguishes a node that reconnected from one that was restarted.
    package var instance: [UInt8]
    /// A name for people, such as `myhost:7400`.
    package var name: String
    /// Version and build of the program.
    package var build: String
    /// What determines the last bit besides the model: precision, backend, instruction set,
    /// threads.
    ///
    /// Equal classes give equal bytes.
    package var kernelClass: String
    /// Processor cores it computes with.
    package var coreCount: Int
    /// Physical memory in bytes.
    package var memoryByteCount: UInt64
    /// The weights it holds.
    package var model: ModelFingerprint
    /// Assignments a worker accepts at a time, including the running ones; 0 from a coordinator.
    package var credits: Int
    /// Images a worker samples at the same time, at most its credits; 0 from a coordinator.
    package var pictureCount: Int
    /// The longest payload it accepts.
    package var payloadByteCountMax: Int
    /// The minor version it speaks, according to its frames.
    package var protocolMinor: UInt8

    /// Creates a description; see the properties.
    ///
    /// - Parameter pictureCount: `nil` for one, or none from a coordinator.
    package init(
        role: PeerRole, instance: [UInt8], name: String, build: String, kernelClass: String,
        coreCount: Int, memoryByteCount: UInt64, model: ModelFingerprint, credits: Int,
        pictureCount: Int? = nil, payloadByteCountMax: Int = WireLimits.resultByteCountMax,
        protocolMinor: UInt8 = ProtocolVersion.current.minor
    ) {
        precondition(instance.count == 16, "an instance id has 16 bytes")
        self.role = role
        self.instance = instance
        self.name = name
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
        self.model = model
        self.credits = credits
        self.pictureCount = pictureCount ?? (role == .worker ? 1 : 0)
        self.payloadByteCountMax = payloadByteCountMax
        self.protocolMinor = protocolMinor
    }

    /// Whether it knows CHECKPOINT and PREPARE.
    package var knowsCheckpoints: Bool { protocolMinor >= 1 }

    /// Whether it knows WATCH and PREVIEW.
    package var knowsPreviews: Bool { protocolMinor >= 2 }
}
