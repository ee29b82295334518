// SPDX-License-Identifier: Apache-2.0

package import Foundation
import GenerationTypes
import Glibc
import Requests

/// What another process can tell about the run of a directory.
package struct StatusReport: Sendable, Equatable {
    /// Whether a coordinator works on it.
    package enum State: String, Codable, Sendable {
        /// A coordinator holds the directory.
        case running
        /// It ended gracefully: `report.json` is there.
        case ended
        /// It ended without a report: it was killed, or its disk was full.
        case gone
        /// There was none.
        case none
    }

    /// How long a coordinator that can't be asked may be silent, in seconds.
    private static let silenceMax = 10.0

    /// Which of them.
    package var state: State
    /// The last that the coordinator wrote; `nil` if it wrote nothing or removed it.
    package var status: RunStatus?
    /// What the database says; `nil` while a coordinator holds it, and where there is none.
    package var images: StoredImages?

    /// Looks at a directory.
    ///
    /// - Parameters:
    ///   - now: for judging how old the last status is.
    ///   - account: reads the database; called when nobody writes it.
    package init(
        directory path: String, now: Date,
        account: () -> StoredImages? = { nil }
    ) {
        let lock = DirectoryLock.state(of: path)
        status = FileManager.default.contents(atPath: "\(path)/\(RunFileName.status)")
            .flatMap { try? JSONText.decode(RunStatus.self, from: $0) }
        let isFresh =
            status.map { abs(now.timeIntervalSince($0.updatedAt)) < Self.silenceMax } ?? false
        switch lock {
        case .held: state = .running
        case .unknown where isFresh: state = .running
        case .unknown, .free:
            let hasReport = access("\(path)/\(RunFileName.report)", F_OK) == 0
            images = account()
            state =
                status != nil ? .gone : hasReport ? .ended : images != nil ? .gone : .none
        }
    }

    /// Lines for people.
    ///
    /// - Parameter now: for how long no status arrived.
    package func text(now: Date) -> String {
        let account = images.map { "run.sqlite: \($0.text)\n" } ?? ""
        guard let status else {
            return switch state {
            case .running: "a coordinator holds the directory: it is starting, ending or decoding\n"
            case .ended: "the run has ended: see report.json\n" + account
            case .gone: "the coordinator is gone without a report\n" + account
            case .none: "no run is or was here\n"
            }
        }
        var lines: [String] = []
        let age = Int(now.timeIntervalSince(status.updatedAt))
        if state == .gone {
            lines.append(
                "the coordinator is gone without a report; last status \(age) s ago:")
        } else if Double(age) > Self.silenceMax {
            lines.append(
                "the coordinator (process \(status.processIdentifier)) has not reported for "
                    + "\(age) s:")
        }
        let images = status.images
        lines.append(
            "\(images.written) of \(images.total) images written, \(images.failed) failed, "
                + "\(images.sampling) sampling, \(images.decoding) to decode, "
                + "\(images.queued) queued")
        let left =
            status.remainingSeconds.map { "\(TerminalText.duration($0)) left" }
            ?? "time left unknown"
        lines.append(
            "\(Self.rounded(status.stepsPerSecond)) steps/s, \(status.retries) of "
                + "\(status.attempts) attempts retried, \(left)")
        // Names and reasons are what other machines say.
        lines += status.workers.map { "  " + TerminalText.sanitized(Self.line($0)) }
        return lines.joined(separator: "\n") + "\n" + account
    }

    private static func line(_ worker: RunStatus.Worker) -> String {
        let pace = worker.secondsPerStep.map { ", \(rounded($0)) s per step" } ?? ""
        let doing =
            switch worker.state {
            case .drawing:
                "samples image \(worker.image?.rawValue ?? 0), step \(worker.step ?? 0) "
                    + "of \(worker.steps ?? 0)"
            case .idle: "is idle"
            case .lost: "is lost: \(worker.reason ?? "")"
            }
        return "\(worker.name): \(worker.images) images\(pace); \(doing)"
    }

    private static func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
