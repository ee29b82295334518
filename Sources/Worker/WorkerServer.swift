// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore

/// Listens, samples and reports until it is drained or its task is cancelled.
package final class WorkerServer: Sendable {
    private let configuration: WorkerConfiguration
    private let generator: any LatentGenerating
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Prepares a worker; nothing is opened yet.
    package init(
        configuration: WorkerConfiguration, generator: any LatentGenerating,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.generator = generator
        self.group = group
        self.logger = logger
    }
}
