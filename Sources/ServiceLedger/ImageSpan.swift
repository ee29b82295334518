// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Images that differ in nothing but their seeds, which follow each other.
package struct ImageSpan: Sendable, Equatable {
    /// What is asked for of the first one.
    package var first: GenerationRequest
    /// How many there are, at least 1.
    package var count: Int

    /// Describes equal images.
    package init(first: GenerationRequest, count: Int) {
        precondition(count > 0, "a span of \(count) images")
        self.first = first
        self.count = count
    }

    /// The request of one of them.
    package func request(at offset: Int) -> GenerationRequest {
        var request = first
        request.seed &+= UInt64(offset)
        return request
    }

    /// Groups requests that follow each other with seeds that do, too.
    package static func spans(of requests: [GenerationRequest]) -> [ImageSpan] {
        var spans: [ImageSpan] = []
        for request in requests {
            if let last = spans.last, last.request(at: last.count) == request {
                spans[spans.count - 1].count += 1
            } else {
                spans.append(ImageSpan(first: request, count: 1))
            }
        }
        return spans
    }
}

extension GenerationRequest {
    /// What an image costs relative to others: its calls times pixels, twice with guidance.
    package var work: Double {
        Double(max(1, modelCallCount)) * Double(max(1, width)) * Double(max(1, height))
            * (usesClassifierFreeGuidance ? 2 : 1)
    }
}
