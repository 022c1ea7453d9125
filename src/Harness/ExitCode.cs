namespace Harness;

/// <summary>How the program ends; the number is the process's exit status. Printed by <c>--help</c>.</summary>
internal enum ExitCode
{
    Done = 0,
    Failed = 1,
    Usage = 2,
    Regression = 3,
    Unfit = 4,

    /// <summary>The status that test runners read as "skipped".</summary>
    NothingCouldRun = 77,
}
