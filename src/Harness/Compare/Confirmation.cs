namespace Harness.Compare;

/// <summary>
/// The second look at the suspects of a comparison. A change stands only where the fresh rounds alone say the same of the same figure. They are judged by
/// the same rules, corrected for the suspects alone: so with independent rounds a false alarm is one twice in a row, a hundredth of a hundredth.
/// </summary>
internal static class Confirmation
{
    /// <param name="first">The comparison.</param>
    /// <param name="suspects">Its suspects.</param>
    /// <param name="was">The fresh rounds of BASE.</param>
    /// <param name="now">The fresh rounds of NEW.</param>
    /// <param name="results">Where those lie.</param>
    /// <returns>The comparison with the verdicts that are left.</returns>
    public static CompareDocument Apply(CompareDocument first, IReadOnlyList<Suspect> suspects, RunPool was, RunPool now, string results)
    {
        var asked = suspects.ToDictionary(suspect => suspect.Cell, suspect => suspect.Figures);
        CellPair[] pairs = [.. Comparison.Pairs(was, now).Where(pair => asked.ContainsKey(pair.Cell))];
        var rules = new RankRules { MinEffect = first.MinEffect, InTurns = Turns.AreTaken(pairs) };
        var judge = new CellJudge(rules, first.Gate, (cell, figure) => asked[cell].Contains(figure));
        var again = judge.Judge(pairs).ToDictionary(cell => cell.Cell);
        CellVerdict[] cells =
        [
            .. first.Cells.Select(cell => asked.TryGetValue(cell.Cell, out var figures) ? Looked(cell, figures, again.GetValueOrDefault(cell.Cell)) : cell),
        ];
        return first with
        {
            Verdict = cells.Select(cell => cell.Verdict).MaxBy(Comparison.Weight),
            Cells = cells,
            Notes = [.. first.Notes, .. was.Problems.Concat(now.Problems).Select(problem => $"damaged: {problem}")],
            Confirmation = new ConfirmationSummary
            {
                Results = results,
                Rounds = pairs.Length == 0 ? 0 : pairs.Max(pair => Math.Min(pair.Base.Length, pair.New.Length)),
                Suspects = asked.Values.Sum(figures => figures.Count),
                Confirmed = cells.SelectMany(cell => cell.Figures).Count(figure => figure.FirstVerdict is { } verdict && verdict == figure.Verdict),
            },
        };
    }

    private static CellVerdict Looked(CellVerdict cell, IReadOnlyList<string> asked, CellVerdict? again)
    {
        var judged = cell with { Figures = [.. cell.Figures.Select(figure => asked.Contains(figure.Figure) ? Looked(figure, again) : figure)] };
        // A failure of NEW that BASE does not have is a regression whenever it shows itself.
        return again is { Verdict: Verdict.Worse, DecidedBy: null }
            ? judged with { Verdict = Verdict.Worse, DecidedBy = null, Reason = $"measured again, it {again.Reason}" }
            : CellJudge.Decided(judged);
    }

    private static FigureResult Looked(FigureResult first, CellVerdict? cell)
    {
        var again = cell?.Figures.FirstOrDefault(figure => figure.Figure == first.Figure)
            ?? new FigureResult
            {
                Figure = first.Figure,
                Kind = first.Kind,
                Gated = first.Gated,
                Verdict = Verdict.CannotSay,
                Reason = cell?.Reason ?? "the fresh rounds do not have it",
            };
        var result = first with { FirstVerdict = first.Verdict, Again = again };
        return again.Verdict == first.Verdict
            ? result
            : result with { Verdict = again.Verdict == Verdict.Same ? Verdict.Same : Verdict.CannotSay, Reason = NotConfirmed(again) };
    }

    private static string NotConfirmed(FigureResult again)
    {
        string rounds = again.BaseRounds == again.NewRounds ? $"{again.BaseRounds} fresh rounds of each" : $"{again.BaseRounds} fresh rounds of BASE and {again.NewRounds} of NEW";
        string say = again.Verdict switch
        {
            Verdict.Same => "find no change",
            Verdict.CannotSay => "cannot say",
            _ => $"say {again.Verdict.Words()}",
        };
        return $"not confirmed: {rounds} {say}{(again.Reason is { } reason ? $": {reason}" : "")}";
    }
}
