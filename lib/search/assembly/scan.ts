/**
 * The inner loops of the search, in AssemblyScript: not part of the TypeScript build. `bun run build:kernel` compiles
 * this file to ../scan-wasm.ts, and a test checks that they match. plainKernel() in ../kernel.ts does the same in
 * TypeScript. Arguments are addresses in the module's memory; a row has `stride` numbers, a multiple of 16.
 *
 * Four rows a quarter of the range apart go at a time: the processor prefetches four streams, which from memory is
 * nearly twice as fast as one, and their sums overlap.
 */

/**
 * Similarities of `count` rows of floats: the sums of each fourth product, added as (1st + 2nd) + (3rd + 4th), all in
 * doubles.
 */
export function exact(row: usize, count: i32, stride: i32, query: usize, scores: usize): void {
  const quarter = count >> 2;
  const apart = <usize>quarter * stride * 4;
  const scoresApart = <usize>quarter * 8;
  for (const last = row + apart; row < last; scores += 8) {
    let row1 = row + apart;
    let row2 = row1 + apart;
    let row3 = row2 + apart;
    let ab0 = f64x2.splat(0);
    let cd0 = f64x2.splat(0);
    let ab1 = f64x2.splat(0);
    let cd1 = f64x2.splat(0);
    let ab2 = f64x2.splat(0);
    let cd2 = f64x2.splat(0);
    let ab3 = f64x2.splat(0);
    let cd3 = f64x2.splat(0);
    let q = query;
    for (const end = row + stride * 4; row < end; row += 16) {
      const ab = v128.load(q);
      const cd = v128.load(q, 16);
      ab0 = f64x2.add(ab0, f64x2.mul(pair(row), ab));
      cd0 = f64x2.add(cd0, f64x2.mul(pair(row + 8), cd));
      ab1 = f64x2.add(ab1, f64x2.mul(pair(row1), ab));
      cd1 = f64x2.add(cd1, f64x2.mul(pair(row1 + 8), cd));
      ab2 = f64x2.add(ab2, f64x2.mul(pair(row2), ab));
      cd2 = f64x2.add(cd2, f64x2.mul(pair(row2 + 8), cd));
      ab3 = f64x2.add(ab3, f64x2.mul(pair(row3), ab));
      cd3 = f64x2.add(cd3, f64x2.mul(pair(row3 + 8), cd));
      row1 += 16;
      row2 += 16;
      row3 += 16;
      q += 32;
    }
    store<f64>(scores, sumOfPairs(ab0, cd0));
    store<f64>(scores + scoresApart, sumOfPairs(ab1, cd1));
    store<f64>(scores + 2 * scoresApart, sumOfPairs(ab2, cd2));
    store<f64>(scores + 3 * scoresApart, sumOfPairs(ab3, cd3));
  }

  row += 3 * apart;
  scores += 3 * scoresApart;
  for (let rest = count & 3; rest > 0; rest--) {
    let ab = f64x2.splat(0);
    let cd = f64x2.splat(0);
    let q = query;
    for (const end = row + stride * 4; row < end; row += 16) {
      ab = f64x2.add(ab, f64x2.mul(pair(row), v128.load(q)));
      cd = f64x2.add(cd, f64x2.mul(pair(row + 8), v128.load(q, 16)));
      q += 32;
    }
    store<f64>(scores, sumOfPairs(ab, cd));
    scores += 8;
  }
}

/** Sums of products of `count` rows of int8 codes and an int16 query, as int32, which the query's scale keeps in range. */
export function coarse(code: usize, count: i32, stride: i32, query: usize, scores: usize): void {
  const quarter = count >> 2;
  const apart = <usize>quarter * stride;
  const scoresApart = <usize>quarter * 4;
  for (const last = code + apart; code < last; scores += 4) {
    let code1 = code + apart;
    let code2 = code1 + apart;
    let code3 = code2 + apart;
    let sum0 = i32x4.splat(0);
    let sum1 = i32x4.splat(0);
    let sum2 = i32x4.splat(0);
    let sum3 = i32x4.splat(0);
    let q = query;
    for (const end = code + stride; code < end; code += 16) {
      const low = v128.load(q);
      const high = v128.load(q, 16);
      sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(v128.load_ext<i8>(code), low));
      sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(v128.load_ext<i8>(code1), low));
      sum2 = i32x4.add(sum2, i32x4.dot_i16x8_s(v128.load_ext<i8>(code2), low));
      sum3 = i32x4.add(sum3, i32x4.dot_i16x8_s(v128.load_ext<i8>(code3), low));
      sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(v128.load_ext<i8>(code, 8), high));
      sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(v128.load_ext<i8>(code1, 8), high));
      sum2 = i32x4.add(sum2, i32x4.dot_i16x8_s(v128.load_ext<i8>(code2, 8), high));
      sum3 = i32x4.add(sum3, i32x4.dot_i16x8_s(v128.load_ext<i8>(code3, 8), high));
      code1 += 16;
      code2 += 16;
      code3 += 16;
      q += 32;
    }
    store<i32>(scores, sumOfLanes(sum0));
    store<i32>(scores + scoresApart, sumOfLanes(sum1));
    store<i32>(scores + 2 * scoresApart, sumOfLanes(sum2));
    store<i32>(scores + 3 * scoresApart, sumOfLanes(sum3));
  }

  code += 3 * apart;
  scores += 3 * scoresApart;
  for (let rest = count & 3; rest > 0; rest--) {
    let sum = i32x4.splat(0);
    let q = query;
    for (const end = code + stride; code < end; code += 8) {
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(code), v128.load(q)));
      q += 16;
    }
    store<i32>(scores, sumOfLanes(sum));
    scores += 4;
  }
}

/**
 * Writes the places of those of `count` sums that times their scales, in floats, are at least `least`.
 *
 * @returns How many.
 */
export function select(sums: usize, scales: usize, count: i32, least: f32, list: usize): i32 {
  const threshold = f32x4.splat(least);
  const start = list;
  for (let first = 0; first < count; first += 4) {
    const scaled = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), v128.load(scales));
    for (let mask = i32x4.bitmask(f32x4.ge(scaled, threshold)); mask > 0; mask &= mask - 1) {
      store<i32>(list, first + ctz(mask));
      list += 4;
    }
    sums += 16;
    scales += 16;
  }
  // What comes after the last row may have been taken with it.
  while (list > start && load<i32>(list - 4) >= count) list -= 4;
  return <i32>((list - start) >> 2);
}

/** Writes the int8 codes of `count` rows, the scale of each, and the length of what is lost, rounded up. */
export function encode(row: usize, count: i32, stride: i32, code: usize, scales: usize, errors: usize): void {
  for (let rest = count; rest > 0; rest--) {
    let most = f32x4.splat(0);
    for (let at = row, end = row + stride * 4; at < end; at += 16) most = f32x4.pmax(most, f32x4.abs(v128.load(at)));
    const max = Mathf.max(
      Mathf.max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      Mathf.max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    );
    const scale = max / 127;
    const perUnit = f32x4.splat(127 / max);
    const scale2 = f64x2.splat(scale);

    let squares = f64x2.splat(0);
    for (const end = row + stride * 4; row < end; row += 16) {
      // So large a float has no places after the point: the addition rounds, and the low bits are the integer.
      const rounded = f32x4.add(f32x4.mul(v128.load(row), perUnit), f32x4.splat(12582912));
      const codes = i32x4.sub(rounded, f32x4.splat(12582912));
      const lost0 = f64x2.sub(pair(row), f64x2.mul(scale2, f64x2.convert_low_i32x4_s(codes)));
      const high = f64x2.convert_low_i32x4_s(v128.shuffle<i64>(codes, codes, 1, 1));
      const lost1 = f64x2.sub(pair(row + 8), f64x2.mul(scale2, high));
      squares = f64x2.add(squares, f64x2.add(f64x2.mul(lost0, lost0), f64x2.mul(lost1, lost1)));
      const narrow = i16x8.narrow_i32x4_s(codes, codes);
      store<i32>(code, i32x4.extract_lane(i8x16.narrow_i16x8_s(narrow, narrow), 0));
      code += 4;
    }
    const lost = Math.sqrt(f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1));
    store<f32>(scales, scale);
    store<f32>(errors, <f32>(lost * 1.000001));
    scales += 4;
    errors += 4;
  }
}

/** Two floats as doubles. */
function pair(address: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(address));
}

function sumOfPairs(ab: v128, cd: v128): f64 {
  const first = f64x2.extract_lane(ab, 0) + f64x2.extract_lane(ab, 1);
  return first + (f64x2.extract_lane(cd, 0) + f64x2.extract_lane(cd, 1));
}

function sumOfLanes(sums: v128): i32 {
  const pairs = i32x4.add(sums, v128.shuffle<i64>(sums, sums, 1, 0));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}
