#!/usr/bin/env python3
"""Writes elementary_tables.h, the tables of elementary.c: python3 elementary.py > elementary_tables.h"""
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 80
LN2 = Decimal(2).ln()


def nearest(value):
    """The double nearest to a Decimal: Python divides integers with one rounding."""
    exact = Fraction(value)
    return exact.numerator / exact.denominator


def cosine(x, sine=False):
    term = x if sine else Decimal(1)
    total, n = Decimal(0), 1 if sine else 0
    while abs(term) > Decimal(10) ** -75:
        total += term
        n += 2
        term *= -x * x / (n * (n - 1))
    return total


def pi():
    """Machin's formula."""
    def arctan_of_inverse(n):
        total, power, k = Decimal(0), Decimal(1) / n, 1
        while abs(power) > Decimal(10) ** -78:
            total += power / k
            power, k = -power / (n * n), k + 2
        return total
    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


def parts(value):
    high = nearest(value)
    return high, nearest(value - Decimal(high))


def chopped(value, bits):
    """To multiples of 2^-bits, and the rest."""
    scale = Decimal(2) ** bits
    high = nearest((value * scale).to_integral_value() / scale)
    return high, nearest(value - Decimal(high))


def table(comment, kind, name, size, rows):
    print(f"\n/* {comment} */\nstatic const {kind} {name}[{size}] = {{")
    for row in rows:
        print("    {" + ", ".join(number.hex() for number in row) + "},")
    print("};")


def constant(name, *numbers):
    for suffix, number in zip(("", "_LOW", "_LOWEST"), numbers):
        print(f"static const double {name}{suffix} = {number.hex()};")


print("/* Written by elementary.py: for each function numbers that it looks up. */")
print("#ifndef TSGD_BASE_ELEMENTARY_TABLES_H\n#define TSGD_BASE_ELEMENTARY_TABLES_H\n")
constant("LN2", *chopped(LN2, 42))
constant("STEP", *chopped(LN2 / 128, 40))
half_pi = pi() / 2
first, _ = chopped(half_pi, 32)
second, _ = chopped(half_pi - Decimal(first), 66)
constant("QUARTER", first, second, nearest(half_pi - Decimal(first) - Decimal(second)))
table("2^(j / 128), in two parts", "struct pair", "powers", "128",
      [parts((LN2 * j / 128).exp()) for j in range(128)])
rows = []
for j in range(90, 183):
    c = round(Fraction(128 * 512, j)) / 512
    rows.append((c, *chopped(-Decimal(c).ln(), 42)))
table("j from 90 on: nearly 128 / j, in few digits, and the logarithm of its inverse, in two parts",
      "struct inverse", "inverses", "93", rows)
table("j / 64: its sine and its cosine, in two parts each", "struct turn", "turns", "52",
      [(*parts(cosine(Decimal(j) / 64, True)), *parts(cosine(Decimal(j) / 64))) for j in range(52)])
print("\n#endif")
