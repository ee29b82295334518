// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger

/// Who asks, as the service knows it.
package struct ServedCaller: Sendable, Equatable {
    /// Whose batches are visible.
    package var visitor: Visitor
    /// The share of the cluster, relative to others.
    package var weight: Double

    /// Describes a caller.
    package init(visitor: Visitor, weight: Double = 1) {
        self.visitor = visitor
        self.weight = weight
    }
}

/// A request to generate a batch, as a client wrote it.
package struct SubmissionRequest: Sendable {
    /// What its body says.
    package enum Content: Sendable {
        /// One object, not read yet.
        case json
        /// A prompt file, not read yet.
        case lines
        /// A body of A1111's `txt2img`; the request waits.
        case sdapi(UnreadBody<SDAPIRequest>)
        /// A body of OpenAI's `images/generations`; the request waits.
        case openai(UnreadBody<OpenAIRequest>)

        /// How its batch comes.
        package var origin: BatchOrigin {
            switch self {
            case .json, .lines: .batch
            case .sdapi: .sdapi
            case .openai: .openai
            }
        }
    }

    /// The body as it came.
    package var body: [UInt8]
    /// What the body says.
    package var content: Content
    /// The client's `Idempotency-Key`.
    package var key: String?
    /// Of a prompt file, which has no room for it.
    package var priority: BatchPriority?
    /// Whether the client says that it asks again.
    package var isRepeat: Bool

    /// Describes a request.
    package init(
        body: [UInt8], content: Content, key: String? = nil, priority: BatchPriority? = nil,
        isRepeat: Bool = false
    ) {
        self.body = body
        self.content = content
        self.key = key
        self.priority = priority
        self.isRepeat = isRepeat
    }

    /// How its batch comes.
    package var origin: BatchOrigin { content.origin }
}
