// SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore

/// Gives the images of one run to workers, decodes what comes back and hands it on.
package final class Coordinator: Sendable {
    private let configuration: CoordinatorConfiguration
    private let workers: [WorkerAddress]
    private let group: any EventLoopGroup
    private let logger: Logger

    /// Names the workers of a run; nothing is connected yet.
    package init(
        configuration: CoordinatorConfiguration, workers: [WorkerAddress],
        group: any EventLoopGroup, logger: Logger
    ) {
        self.configuration = configuration
        self.workers = workers
        self.group = group
        self.logger = logger
    }
}
