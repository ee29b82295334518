// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import Coordinator
import RunService

extension CoordinatorError: ProgramExitChoosing {
    var programExit: ProgramExit { .noUsableWorker }
}

extension LocalWorkersError: ProgramExitChoosing {
    /// A worker that finds the model unusable says so by the same exit code as we do.
    var programExit: ProgramExit {
        guard case .exitedEarly(let exit, _) = self,
            exit.hasSuffix(" \(ProgramExit.unusableInput.rawValue)")
        else { return .noUsableWorker }
        return .unusableInput
    }
}

extension StopRequest: RunStopping {
    var isStopRequested: Bool { interruption != nil }
}

extension ProgramExit {
    /// How the program ends after a run.
    init(_ outcome: RunOutcome, stoppedBy stop: StopRequest) {
        self =
            switch outcome {
            case .complete: .success
            case .someImagesFailed: .someImagesFailed
            // Nothing but a signal interrupts a run.
            case .interrupted: stop.interruption ?? .interrupted
            }
    }
}
