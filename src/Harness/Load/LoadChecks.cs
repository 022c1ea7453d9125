using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;
using Harness.Serve;

namespace Harness.Load;

/// <summary>What has to be right before a load may start; each line says what is wrong and what to do.</summary>
internal static class LoadChecks
{
    /// <summary>What can be judged without the server.</summary>
    /// <exception cref="HarnessException">Bad usage.</exception>
    public static void Options(LoadOptions options)
    {
        if (options.Verify is VerifyMode.Pattern or VerifyMode.Zeroes && options.ReadPercent != 100)
        {
            string mode = options.Verify.ToString().ToLowerInvariant();
            throw Usage($"--verify {mode} only reads; leave --rw away, or verify your own writes with --verify versions");
        }

        if (options.Verify != VerifyMode.None && options.RequestBytes % 8 != 0)
        {
            throw Usage($"--verify works on words of 8 bytes; --size {options.RequestBytes} is no multiple of 8");
        }

        if (options.Verify != VerifyMode.None && options.Sizes is not null)
        {
            throw Usage("--verify knows what a block of one size holds; give one --size");
        }

        if (options.Rate is not null && options.ThinkTime > TimeSpan.Zero)
        {
            throw Usage("--think-time is the pause of a closed loop, and --rate makes an open one; leave one of them away");
        }

        if (options.Arrivals != ArrivalProcess.Constant && options.Rate is null)
        {
            throw Usage("--arrivals says how the times of an open loop are drawn; give --rate OPS_PER_SECOND too");
        }

        long perConnection = (long)options.Depth * ((options.RequestBytes + 63) & ~63);
        if (perConnection > int.MaxValue)
        {
            throw Usage($"--depth {options.Depth} × --size {options.RequestBytes} needs more than 2 GiB of memory per connection; make one of them smaller");
        }

        // All of it is written to before the first request, so the kernel's overcommitting would only change how it ends.
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (perConnection * options.Connections > memory)
        {
            throw Usage($"--connections {options.Connections} × --depth {options.Depth} × --size {options.RequestBytes} needs "
                + $"{perConnection * options.Connections >> 20:n0} MiB of memory, and this machine has {memory >> 20:n0}; make one of them smaller");
        }

        DescriptorLimit.Check("--connections", options.Connections, loops: 1);
        OutputFile.Check("--json", options.Json);
        OutputFile.Check("--hgrm", options.Hgrm);
        OutputFile.Check("--hlog", options.Hlog);
    }

    /// <summary>What can be judged only when the server has described its export.</summary>
    /// <exception cref="HarnessException">The load does not fit the export.</exception>
    public static void Export(LoadOptions options, ExportInfo export, uint maxPayloadBytes)
    {
        uint minimum = export.BlockSize.Minimum;
        foreach (int bytes in options.Sizes?.Bytes ?? [options.RequestBytes])
        {
            if ((uint)bytes % minimum != 0)
            {
                throw Usage($"the export takes requests in multiples of {minimum} bytes; --size {bytes} is none");
            }
        }

        if ((uint)options.RequestBytes > maxPayloadBytes)
        {
            string asked = Units.FormatSize(options.RequestBytes);
            throw Usage($"the export takes at most {Units.FormatSize(maxPayloadBytes)} in one request; --size {asked} is more");
        }

        ulong blocks = export.Size / (ulong)options.RequestBytes;
        if (blocks == 0)
        {
            throw Usage($"the export has {export.Size} bytes, less than one request of {options.RequestBytes}; make --size smaller");
        }

        if (options.ReadPercent < 100 && export.Flags.HasFlag(TransmissionFlags.ReadOnly))
        {
            throw new HarnessException(ExitCode.Failed, "the export is read-only; use --rw read");
        }

        if (options.Verify == VerifyMode.Versions)
        {
            Versions(options, blocks);
        }
    }

    private static void Versions(LoadOptions options, ulong blocks)
    {
        ulong inFlight = (ulong)options.Depth * (ulong)options.Connections;
        if (blocks < 2 * inFlight)
        {
            throw Usage($"--verify keeps at most one write per block in flight: the export has {blocks} blocks of {options.RequestBytes} bytes, "
                + $"and {inFlight} requests in flight need twice as many; use a smaller --depth or --size");
        }

        if (blocks > VersionsOracle.MaxBlocks)
        {
            throw Usage($"--verify remembers every block: the export has {blocks}, and at most {VersionsOracle.MaxBlocks} can be remembered; "
                + "use a larger --size");
        }
    }

    private static HarnessException Usage(string line) => new(ExitCode.Usage, line);
}
