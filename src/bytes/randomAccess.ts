/** Bytes that can be read anywhere. */
export interface RandomAccess {
  readonly size: number;
  /**
   * Reads into `target`, from its start.
   * @returns how many bytes; 0 at the end
   */
  read(target: Buffer, length: number, position: number): number;
}
