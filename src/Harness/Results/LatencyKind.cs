namespace Harness.Results;

/// <summary>What a histogram of one load measures; all but the first are kept for open loops only.</summary>
internal enum LatencyKind
{
    /// <summary>From when a request was to be sent to its whole reply.</summary>
    Latency,

    /// <summary>From when it was sent to its whole reply.</summary>
    Service,

    /// <summary>From when it was to be sent to when it was.</summary>
    SendLag,
}

/// <summary>How the files of the three histograms of one load are told apart.</summary>
internal static class LatencyKinds
{
    public static readonly LatencyKind[] All = Enum.GetValues<LatencyKind>();

    /// <summary>What stands before the ending of a file's name: nothing, <c>.service</c> or <c>.lag</c>.</summary>
    public static string Part(LatencyKind kind) => kind switch
    {
        LatencyKind.Service => ".service",
        LatencyKind.SendLag => ".lag",
        _ => "",
    };

    /// <summary>The file of another kind beside that of the latency: <c>a.hlog</c> and <c>a.lag.hlog</c>.</summary>
    public static string Beside(string latencyPath, LatencyKind kind) =>
        Path.ChangeExtension(latencyPath, null) + Part(kind) + Path.GetExtension(latencyPath);
}
