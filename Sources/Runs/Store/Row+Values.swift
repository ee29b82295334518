// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB

/// Values of a file that may be damaged and yet readable: what a column can't hold is an error.
extension Row {
    /// The value of a column.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        guard let value: Value = try optional(column) else { throw damage(column) }
        return value
    }

    /// The value of a column that may have none.
    func optional<Value: DatabaseValueConvertible>(_ column: String) throws -> Value? {
        guard hasColumn(column) else { throw damage(column) }
        let stored: DatabaseValue = self[column]
        guard !stored.isNull else { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw damage(column) }
        return value
    }

    /// A number in a range.
    func number<Value: DatabaseValueConvertible & Comparable>(
        _ column: String, in range: some RangeExpression<Value>
    ) throws -> Value {
        let value: Value = try value(column)
        guard range.contains(value) else { throw damage(column) }
        return value
    }

    /// The bytes of a column.
    func bytes(_ column: String) throws -> [UInt8] {
        let data: Data = try value(column)
        return Array(data)
    }

    /// A time in seconds, or a point in time.
    func seconds(_ column: String) throws -> Double {
        try number(column, in: 0...Double.greatestFiniteMagnitude)
    }

    /// What is wrong with a row, as SQLite would say it.
    func damage(_ column: String) -> DatabaseError {
        let found = hasColumn(column) ? "\(self[column] as DatabaseValue)" : "nothing"
        return DatabaseError(
            resultCode: .SQLITE_CORRUPT,
            message: "\(column) can't be \(found.prefix(40))")
    }
}
