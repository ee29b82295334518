// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import ServiceAPI

/// Bodies: of limited length, in limited time.
extension Request {
    /// Time for any body, and for each 64 KiB of it.
    private static let bodyTimeout = Duration.seconds(10)
    private static let chunkTimeout = Duration.seconds(1)
    private static let chunkByteCount = 64 << 10

    /// What the body is; only the type itself decides, and a form can't send JSON's.
    var mediaType: String? { headers[.contentType]?.prefix { $0 != ";" && $0 != " " }.lowercased() }

    /// The fields behind the path.
    var query: QueryFields { QueryFields(uri.query) }

    /// The whole body.
    ///
    /// - Throws: 413 if it is longer, 408 if it takes too long.
    func bytes(upTo byteCountMax: Int) async throws -> [UInt8] {
        let declared = headers[.contentLength].flatMap { Int($0) }
        if let declared, declared > byteCountMax { throw APIProblem.tooLarge(byteCountMax) }
        let chunks = (declared ?? byteCountMax) / Self.chunkByteCount
        let timeout = Self.bodyTimeout + Self.chunkTimeout * chunks
        let body = body
        return try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
            tasks.addTask {
                var bytes: [UInt8] = []
                do {
                    for try await part in body {
                        guard bytes.count + part.readableBytes <= byteCountMax else {
                            throw APIProblem.tooLarge(byteCountMax)
                        }
                        bytes += part.readableBytesView
                    }
                } catch let problem as APIProblem {
                    throw problem
                } catch is CancellationError {
                    throw CancellationError()
                } catch {
                    // Chunks that are none, or a client that is gone.
                    throw APIProblem.brokenBody
                }
                return bytes
            }
            tasks.addTask {
                try await Task.sleep(for: timeout)
                throw APIProblem.tooSlow
            }
            defer { tasks.cancelAll() }
            return try await tasks.next() ?? []
        }
    }
}
