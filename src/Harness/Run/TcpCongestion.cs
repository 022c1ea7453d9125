using Harness.Matrix;

namespace Harness.Run;

/// <summary>The congestion control that every TCP cell's sockets are set to, whatever the machine's default is.</summary>
internal static class TcpCongestion
{
    /// <summary>
    /// Reno is a part of every Linux kernel that cannot be left out, and open to every user (tcp(7), <c>tcp_allowed_congestion_control</c>). Cubic, the usual
    /// default, may be missing or privileged. On a path without loss the two do the same; bbr, which paces, does not.
    /// </summary>
    public const string Forced = "reno";

    /// <summary>What <c>serve</c> and <c>load</c> are told for a cell.</summary>
    public static string[] Arguments(Cell cell) => cell["transport"] == "unix" ? [] : ["--tcp-congestion", Forced];
}
