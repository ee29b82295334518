// SPDX-License-Identifier: Apache-2.0

package import CommandSupport
package import Coordinator
package import RunService

extension CoordinatorError: ProgramExitChoosing {
    package var programExit: ProgramExit { .noUsableWorker }
}

extension LocalWorkersError: ProgramExitChoosing {
    /// A worker that finds the model unusable says so by the same exit code as we do.
    package var programExit: ProgramExit {
        guard case .exitedEarly(let exit, _) = self,
            exit.hasSuffix(" \(ProgramExit.unusableInput.rawValue)")
        else { return .noUsableWorker }
        return .unusableInput
    }
}

extension StopRequest: RunStopping {
    package var isStopRequested: Bool { interruption != nil }
}

extension ProgramExit {
    /// How the program ends after a run.
    package init(_ outcome: RunOutcome, stoppedBy stop: StopRequest) {
        self =
            switch outcome {
            case .complete: .success
            case .someImagesFailed: .someImagesFailed
            // Nothing but a signal interrupts a run.
            case .interrupted: stop.interruption ?? .interrupted
            }
    }
}
