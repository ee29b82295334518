// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What happens to a ledger.
package enum LedgerEvent: Sendable {
    /// A request asks for admission, before its body is planned; `ticket` gets the answer.
    case admit(AdmissionRequest, ticket: Ticket)
    /// A request that was admitted and planned; `ticket` gets the answer.
    case submit(Submission, ticket: Ticket)
    /// A batch is not wanted any more; idempotent.
    case cancel(BatchID, by: Visitor, ticket: Ticket)
    /// Neither a batch nor its results are wanted any more; idempotent.
    case erase(BatchID, by: Visitor, ticket: Ticket)
    /// A batch is kept until it is unpinned or erased, whatever the limits say; idempotent.
    case pin(BatchID, isPinned: Bool, by: Visitor, ticket: Ticket)
    /// A request does not wait for its batch any more: it was answered, or its connection is lost.
    ///
    /// Once for each time that a batch was accepted whose origin is a request.
    case left(BatchID, isAnswered: Bool)
    /// Changes are on the disk: all up to this one.
    case committed(CommitNumber)
    /// A worker was given an image.
    case began(ImageNumber, worker: String, attempt: Int)
    /// An image got so far.
    case advanced(ImageNumber, worker: String, step: Int)
    /// An attempt failed; the image waits for another.
    case retried(ImageNumber)
    /// An image's latents are stored; sampling took so many seconds.
    case sampled(ImageNumber, seconds: Double)
    /// An image has its picture; that and its latents take so many bytes.
    case finished(ImageNumber, byteCount: Int)
    /// An image has failed for good.
    case failed(ImageNumber)
    /// No worker is left that could generate an image: it waits for one.
    case returned(ImageNumber)
    /// So many workers take images.
    case workers(Int)
    /// Whether there is room for more results on the disk; until it is known there is.
    case room(Bool)
    /// Nothing more is accepted.
    case drain
    /// Time has passed.
    case tick
}

/// Names a question, for its answer.
package struct Ticket: Hashable, Sendable {
    /// Its number.
    package let rawValue: Int

    /// Numbers a question.
    package init(_ rawValue: Int) { self.rawValue = rawValue }
}

/// Numbers what is committed together; commits reach the disk in this order.
package struct CommitNumber: Hashable, Comparable, Sendable {
    /// How many there were before it in this session of the service.
    package let rawValue: Int

    /// Numbers a commit.
    package init(_ rawValue: Int) { self.rawValue = rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Who looks at a batch, and whether it may see all.
package struct Visitor: Sendable, Equatable {
    /// Who.
    package var caller: CallerID
    /// Whether other callers' batches are visible, too.
    package var isAdmin: Bool

    /// Describes who looks.
    package init(_ caller: CallerID, isAdmin: Bool = false) {
        self.caller = caller
        self.isAdmin = isAdmin
    }
}
