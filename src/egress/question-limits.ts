/** What may be asked at a time, and in the long run. */
export interface QuestionLimits {
  /** Whether one more may be answered now; each true is given back by `done`. */
  begin(): boolean;
  done(): void;
}

export interface QuestionRate {
  perSecond: number;
  /** After a time without questions. */
  atOnce: number;
  /** That wait for their answers. */
  atATime: number;
}

export function createQuestionLimits(nowMs: () => number, rate: QuestionRate): QuestionLimits {
  let running = 0;
  let credit = rate.atOnce;
  let at = nowMs();
  return {
    begin() {
      const now = nowMs();
      credit = Math.min(rate.atOnce, credit + ((now - at) / 1000) * rate.perSecond);
      at = now;
      if (running >= rate.atATime || credit < 1) return false;
      credit -= 1;
      running += 1;
      return true;
    },
    done() {
      running -= 1;
    },
  };
}
