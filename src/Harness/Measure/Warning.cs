namespace Harness.Measure;

/// <summary>Something that spoils the figures, and what to do about it.</summary>
/// <param name="Id">Stable, for programs.</param>
/// <param name="Text">One sentence: what is, and what it does to the figures.</param>
/// <param name="Remedy">What to do, as a command where there is one.</param>
internal sealed record Warning(string Id, string Text, string Remedy);
