// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Runs tasks on an event loop's thread: messages are parsed and answered where they arrive.
///
/// Passing a message to another thread and its answer back costs more than a state machine needs to
/// process it: with two workers a coordinator spends 3.1 ms of processor time on an image of one
/// second, and 4.4 ms with tasks on other threads. Tasks that run here must not block; messages of
/// megabytes are parsed here, too.
package final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    /// Runs tasks on `loop`, until its group is shut down.
    package init(_ loop: any EventLoop) {
        self.loop = loop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
