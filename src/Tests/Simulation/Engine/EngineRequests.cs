using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Draws the requests of a program: mostly good ones, and some of each kind that the protocol forbids, with the error that it names for them.
/// </summary>
internal sealed class EngineRequests(EngineSetup setup, EngineUnits units, Random random)
{
    private const uint EPERM = 1, EINVAL = 22, ENOSPC = 28;
    private ulong _lastCookie;

    public EngineRequest Draw(EngineClient client) => random.Next(8) == 0 ? DrawBad(client) : random.Next(10) switch
    {
        0 when client.HasContext => DrawStatus(),
        < 4 => DrawRead(client.Form),
        < 7 => DrawChange(NbdCommand.Write),
        7 => DrawChange(NbdCommand.WriteZeroes),
        8 => DrawChange(NbdCommand.Trim),
        _ => random.Next(3) == 0 ? DrawCache() : DrawFlush(),
    };

    /// <summary>A READ of everything from a unit on.</summary>
    public EngineRequest Sweep(int first, int count) => new()
    {
        Cookie = ++_lastCookie,
        Command = NbdCommand.Read,
        Offset = (ulong)(first * EngineSetup.UnitBytes),
        Length = (ulong)(count * EngineSetup.UnitBytes),
        Readable = units.Readable(first, count),
    };

    private EngineRequest DrawRead(ReplyForm form)
    {
        (int first, int count) = DrawRange();

        // A READ may begin and end anywhere, and may be of nothing.
        int skip = random.Next(4) == 0 ? random.Next(EngineSetup.UnitBytes) : 0;
        int length = random.Next(20) == 0 ? 0 : (count * EngineSetup.UnitBytes) - skip - (skip > 0 ? random.Next(EngineSetup.UnitBytes - skip) : 0);
        bool df = form != ReplyForm.Simple && random.Next(4) == 0;
        return new EngineRequest
        {
            Cookie = ++_lastCookie,
            Command = NbdCommand.Read,
            Flags = (df ? NbdCommandFlags.Df : 0) | Fua(),
            Offset = (ulong)((first * EngineSetup.UnitBytes) + skip),
            Length = (ulong)length,
            Readable = units.Readable(first, count),
        };
    }

    private EngineRequest DrawStatus()
    {
        (int first, int count) = DrawRange();
        return new EngineRequest
        {
            Cookie = ++_lastCookie,
            Command = NbdCommand.BlockStatus,
            Flags = random.Next(3) == 0 ? NbdCommandFlags.ReqOne : 0,
            Offset = (ulong)(first * EngineSetup.UnitBytes),
            Length = (ulong)(count * EngineSetup.UnitBytes),
            Readable = units.Readable(first, count),
        };
    }

    private EngineRequest DrawChange(NbdCommand command)
    {
        (int first, int count) = DrawRange();
        BlockCapabilities needed = command switch
        {
            NbdCommand.Trim => BlockCapabilities.Trim,
            NbdCommand.WriteZeroes => BlockCapabilities.WriteZeroes,
            _ => BlockCapabilities.None,
        };
        uint refusal = setup.ReadOnly ? EPERM : needed != 0 && !setup.Can(needed) ? EINVAL : 0;
        if (refusal == 0 && !units.AreFree(first, count))
        {
            return Sweep(first, count);
        }

        ulong cookie = ++_lastCookie;
        byte[] data = command == NbdCommand.Write ? new byte[count * EngineSetup.UnitBytes] : [];
        for (int unit = 0; unit * EngineSetup.UnitBytes < data.Length; unit++)
        {
            EngineContent.Fill(data.AsSpan(unit * EngineSetup.UnitBytes, EngineSetup.UnitBytes), first + unit, cookie);
        }

        if (refusal == 0)
        {
            units.Begin(first, count, command == NbdCommand.Write ? cookie : EngineContent.Zero);
        }

        return new EngineRequest
        {
            Cookie = cookie,
            Command = command,
            Flags = Fua() | (command == NbdCommand.WriteZeroes ? ZeroFlags() : 0),
            Offset = (ulong)(first * EngineSetup.UnitBytes),
            Length = (ulong)(count * EngineSetup.UnitBytes),
            Data = data,
            Refusal = refusal,
        };
    }

    private EngineRequest DrawCache()
    {
        (int first, int count) = DrawRange();
        return new EngineRequest
        {
            Cookie = ++_lastCookie,
            Command = NbdCommand.Cache,
            Offset = (ulong)(first * EngineSetup.UnitBytes),
            Length = (ulong)(count * EngineSetup.UnitBytes),
            Refusal = setup.Can(BlockCapabilities.Cache) ? 0 : EINVAL,
        };
    }

    private EngineRequest DrawFlush() => new()
    {
        Cookie = ++_lastCookie,
        Command = NbdCommand.Flush,
        Refusal = setup.CanFlush ? 0 : EINVAL,
        Ended = units.EndedNow(),
    };

    private EngineRequest DrawBad(EngineClient client)
    {
        ulong end = EngineSetup.DiskBytes;
        uint change(uint error) => setup.ReadOnly ? EPERM : error;
        return random.Next(13) switch
        {
            0 => Bad(NbdCommand.Read, end - 100, 101, EINVAL),
            1 => Bad(NbdCommand.Read, ulong.MaxValue - 5, 10, EINVAL),
            2 => Bad(NbdCommand.Write, end - 64, 65, change(ENOSPC)),
            3 => Bad(NbdCommand.Write, ulong.MaxValue, 700, change(ENOSPC)),
            4 => Bad(NbdCommand.Trim, end, 1, change(EINVAL)),
            5 => Bad((NbdCommand)random.Next(9, 60_000), 0, 0, EINVAL),
            6 => Bad(NbdCommand.Write, 0, 300, change(EINVAL), (NbdCommandFlags)0x4000),
            7 => Bad(NbdCommand.Flush, 512, 0, EINVAL),
            8 => Bad(NbdCommand.Cache, end - 1, 2, EINVAL),
            9 when !setup.Can(BlockCapabilities.FastZero) => Bad(NbdCommand.WriteZeroes, 0, 128, change(EINVAL), NbdCommandFlags.FastZero),
            10 => Bad(NbdCommand.WriteZeroes, 64, end, change(setup.Can(BlockCapabilities.WriteZeroes) ? ENOSPC : EINVAL)),
            11 when client.Form == ReplyForm.Simple => Bad(NbdCommand.Read, 0, 512, EINVAL, NbdCommandFlags.Df),
            _ => Bad(NbdCommand.BlockStatus, 0, client.HasContext ? end + 1 : 512, EINVAL),
        };
    }

    private EngineRequest Bad(NbdCommand command, ulong offset, ulong length, uint error, NbdCommandFlags flags = 0) => new()
    {
        Cookie = ++_lastCookie,
        Command = command,
        Flags = flags,
        Offset = offset,
        Length = length,
        Data = command == NbdCommand.Write ? Wire.Data((int)_lastCookie, (int)length) : [],
        Refusal = error,
    };

    private NbdCommandFlags ZeroFlags() =>
        (random.Next(3) == 0 ? NbdCommandFlags.NoHole : 0) | (setup.Can(BlockCapabilities.FastZero) && random.Next(3) == 0 ? NbdCommandFlags.FastZero : 0);

    private NbdCommandFlags Fua() => setup.CanFua && random.Next(5) == 0 ? NbdCommandFlags.Fua : 0;

    private (int First, int Count) DrawRange()
    {
        int count = random.Next(6) == 0 ? random.Next(1, 60) : random.Next(1, 6);
        return (random.Next(EngineSetup.Units - count + 1), count);
    }
}
