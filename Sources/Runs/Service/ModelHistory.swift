// SPDX-License-Identifier: Apache-2.0

import Requests

/// Which batches are which model's.
package struct ModelHistory: Sendable, Equatable {
    /// From these images on, a model's name; ascending.
    private let periods: [Period]
    /// Of batches that are older than all periods.
    private let current: String

    private struct Period: Sendable, Equatable {
        var firstImage: Int
        var name: String
    }

    fileprivate init(_ periods: [ModelPeriod], current: String) {
        self.periods = periods.map { Period(firstImage: $0.firstImage, name: $0.model.record.name) }
        self.current = current
    }

    /// All names, the newest model's first.
    package var names: [String] {
        ([current] + periods.reversed().map(\.name)).reduce(into: []) { names, name in
            if !names.contains(name) { names.append(name) }
        }
    }

    /// The model's name of a batch.
    package func name(ofBatchAt firstImage: Int) -> String {
        periods.last { $0.firstImage <= firstImage }?.name ?? current
    }

    /// Where batches of a model begin.
    package func firstImages(of name: String) -> [Range<Int>] {
        let starts = [Period(firstImage: 0, name: current)] + periods
        let ends = starts.dropFirst().map(\.firstImage) + [.max]
        return zip(starts, ends).compactMap { start, end in
            start.name == name && start.firstImage < end ? start.firstImage..<end : nil
        }
    }
}

extension ServiceStore {
    /// Reads which batches are which model's; that changes only when the directory is bound.
    ///
    /// - Parameter current: the model's name of batches of which none was kept.
    /// - Throws: `ServiceStateError`.
    package func modelHistory(current: String) throws(ServiceStateError) -> ModelHistory {
        ModelHistory(try read { try $0.modelPeriods() }, current: current)
    }
}
