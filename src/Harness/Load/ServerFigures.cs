using Harness.Results;

namespace Harness.Load;

/// <summary>What a server used per operation, and what it did.</summary>
/// <param name="Costs">As its record has it.</param>
/// <param name="Explained">Where its time went; null where it did not tell.</param>
internal sealed record ServerFigures(SideCosts Costs, ExplainedSide? Explained);
