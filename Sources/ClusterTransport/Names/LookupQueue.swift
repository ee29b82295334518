// SPDX-License-Identifier: Apache-2.0

/// Decides which names are looked up now and which wait.
///
/// A slow lookup gives up its place to the next name. So many names query the name servers a few at
/// a time, and names without an answer, however many, delay no others. No name is looked up twice
/// at the same time. Pure.
package struct LookupQueue {
    /// Concurrent lookups, not counting slow ones.
    package let placeCount: Int
    private enum Phase { case waiting, quick, late }

    /// Names being looked up or waiting.
    private var phases: [String: Phase] = [:]
    private var quickCount = 0
    private var waiting: [String] = []

    /// No lookups yet.
    package init(placeCount: Int) {
        self.placeCount = placeCount
    }

    /// Requests a lookup, unless the name is already being looked up or waiting.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func add(_ name: String) -> [String] {
        guard phases[name] == nil else { return [] }
        phases[name] = .waiting
        waiting.append(name)
        return begun()
    }

    /// Records that the lookup of a name is slow.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func isLate(_ name: String) -> [String] {
        guard phases[name] == .quick else { return [] }
        phases[name] = .late
        quickCount -= 1
        return begun()
    }

    /// Records that the lookup of a name has ended.
    ///
    /// - Returns: the names whose lookup begins now.
    package mutating func ended(_ name: String) -> [String] {
        if phases.removeValue(forKey: name) == .quick { quickCount -= 1 }
        return begun()
    }

    private mutating func begun() -> [String] {
        let names = Array(waiting.prefix(placeCount - quickCount))
        waiting.removeFirst(names.count)
        quickCount += names.count
        for name in names { phases[name] = .quick }
        return names
    }
}
