namespace Harness.Tests;

/// <summary>
/// The model of the disk: of each unit, which versions it was given, which it may hold now, and which a power failure may leave. At most one change of a unit
/// is under way, so its versions have an order.
/// </summary>
internal sealed class EngineUnits
{
    private readonly Unit[] _units = [.. Enumerable.Range(0, EngineSetup.Units).Select(_ => new Unit())];

    /// <summary>Whether no change of these units is under way, or may be.</summary>
    public bool AreFree(int first, int count) => _units.AsSpan(first, count).ToArray().All(unit => !unit.Busy);

    /// <summary>A change is sent: these units get one more version.</summary>
    public void Begin(int first, int count, ulong version)
    {
        foreach (Unit unit in _units.AsSpan(first, count))
        {
            unit.Busy = true;
            unit.Versions.Add(version);
        }
    }

    /// <summary>A change was answered with success.</summary>
    public void Succeed(int first, int count, bool durable)
    {
        foreach (Unit unit in _units.AsSpan(first, count))
        {
            unit.Busy = false;
            unit.Ended = unit.Versions.Count - 1;
            unit.Possible = [unit.Versions[^1]];
            if (durable)
            {
                unit.Guarantee(unit.Ended, EngineRule.FuaIsDurable);
            }
        }
    }

    /// <summary>A change was answered with an error: it may have been made or not.</summary>
    public void Fail(int first, int count)
    {
        foreach (Unit unit in _units.AsSpan(first, count))
        {
            unit.Busy = false;
            unit.Possible.Add(unit.Versions[^1]);
        }
    }

    /// <summary>What a READ that is sent now may find: what is there, and what is under way.</summary>
    public HashSet<ulong>[] Readable(int first, int count) =>
        [.. _units.AsSpan(first, count).ToArray().Select(unit => new HashSet<ulong>(unit.Busy ? [.. unit.Possible, unit.Versions[^1]] : unit.Possible))];

    /// <summary>For a FLUSH that is sent now: which version of each unit has ended.</summary>
    public int[] EndedNow() => [.. _units.Select(unit => unit.Ended)];

    /// <summary>The FLUSH has ended well: what had ended when it was sent stays.</summary>
    public void Flushed(int[] ended)
    {
        for (int i = 0; i < ended.Length; i++)
        {
            _units[i].Guarantee(ended[i], EngineRule.FlushIsDurable);
        }
    }

    /// <summary>Throws where a power failure would leave a unit as it was promised not to be left.</summary>
    public void CheckDurable(ReadOnlySpan<byte> durable)
    {
        for (int i = 0; i < _units.Length; i++)
        {
            Unit unit = _units[i];
            ReadOnlySpan<byte> bytes = durable.Slice(i * EngineSetup.UnitBytes, EngineSetup.UnitBytes);
            bool found = false;
            foreach (ulong version in unit.Versions.Skip(unit.Guaranteed))
            {
                found |= EngineContent.Holds(bytes, i, 0, version);
            }

            if (!found)
            {
                throw new EngineRuleBrokenException(unit.GuaranteedBy, $"unit {i} is not durable in version {unit.Versions[unit.Guaranteed]} or one that came after");
            }
        }
    }

    private sealed class Unit
    {
        public List<ulong> Versions { get; } = [EngineContent.Zero];

        public HashSet<ulong> Possible { get; set; } = [EngineContent.Zero];

        public bool Busy { get; set; }

        /// <summary>The last version whose change was answered with success.</summary>
        public int Ended { get; set; }

        /// <summary>The oldest version that a power failure may leave.</summary>
        public int Guaranteed { get; private set; }

        /// <summary>By which promise.</summary>
        public EngineRule GuaranteedBy { get; private set; } = EngineRule.FlushIsDurable;

        public void Guarantee(int version, EngineRule promise)
        {
            if (version > Guaranteed)
            {
                (Guaranteed, GuaranteedBy) = (version, promise);
            }
        }
    }
}
