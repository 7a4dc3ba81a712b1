/// "0.25", "2": a number that is kept in thousandths, without zeros that say nothing.
package func decimal(thousandths amount: UInt64) -> String {
    let (whole, rest) = amount.quotientAndRemainder(dividingBy: 1_000)
    if rest == 0 { return "\(whole)" }
    var digits = String(1_000 + rest).dropFirst()
    while digits.last == "0" { digits = digits.dropLast() }
    return "\(whole).\(digits)"
}
