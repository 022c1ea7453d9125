using System.CommandLine;
using System.Globalization;
using Harness.Io;
using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Cli;

/// <summary>
/// <c>harness kernels attach</c> and <c>detach</c>: the running kernel's own NBD client. Guests of <c>kernels nbd</c> use them for what nbd-client(8) cannot:
/// a dead connection is waited for and replaced, and a device grows while it is in use.
/// </summary>
internal static class KernelsAttachVerb
{
    private static readonly Argument<string> Uri = new("URI") { Description = "the server and the export" };
    private static readonly Argument<string> Device = new("DEVICE") { Description = "/dev/nbdN" };
    private static readonly Option<int> Connections = OptionParsers.Count("--connections", "connections, for a server that announces CAN_MULTI_CONN", 1, 1024, 1);

    private static readonly Option<int> BlockSize = OptionParsers
        .Parsed("--block-size", "SIZE", "the device's logical block: 512, 1k, 2k or 4k", BlockBytes).WithDefault(512);

    private static readonly Option<long?> Size = OptionParsers.Parsed<long?>("--size", "SIZE", "bytes of the device [default: the export's]", text => Units.ParseSize(text));
    private static readonly Option<TimeSpan?> Timeout = Seconds("--timeout", "a request that is not answered for so long is sent again on another connection [default: the kernel's]");
    private static readonly Option<TimeSpan?> DeadTimeout = Seconds("--dead-timeout", "how long requests wait for --again when no connection lives [default: they fail at once]");

    private static readonly Option<bool> Again = new("--again")
    {
        Description = "of a device that is attached: connections in place of those that died, and its size anew",
    };

    public static Command Create()
    {
        var verb = new Command("attach", "makes an export a block device with the running kernel's own NBD client, over netlink; needs root and nbd.ko")
        {
            Uri, Device, Connections, BlockSize, Size, Timeout, DeadTimeout, Again,
        };
        CheckDevice(verb);
        verb.Validators.Add(result =>
        {
            if (result.Written(Uri) is { } uri && !NbdUri.TryParse(uri, out _, out string error))
            {
                result.AddError(error);
            }
        });
        verb.SetAction(parse => (int)Attach(parse));
        return verb;
    }

    public static Command CreateDetach()
    {
        var verb = new Command("detach", "disconnects a device of the kernel's NBD client, in use or not") { Device };
        CheckDevice(verb);
        verb.SetAction(parse => (int)Told(() => KernelClient.Detach(KernelClient.DeviceIndex(parse.GetValue(Device)!)!.Value)));
        return verb;
    }

    private static ExitCode Attach(ParseResult parse)
    {
        NbdUri.TryParse(parse.GetValue(Uri), out NbdUri? uri, out _);
        string device = parse.GetValue(Device)!;
        uint index = KernelClient.DeviceIndex(device)!.Value;
        var options = new KernelDeviceOptions
        {
            Connections = parse.GetValue(Connections),
            BlockBytes = (uint)parse.GetValue(BlockSize),
            Size = (ulong?)parse.GetValue(Size),
            RequestTimeout = parse.GetValue(Timeout),
            DeadConnectionTimeout = parse.GetValue(DeadTimeout),
        };
        return Told(() =>
        {
            ExportInfo export = parse.GetValue(Again) ? KernelClient.Reattach(uri!, index, options) : KernelClient.Attach(uri!, index, options);
            StandardOutput.Write(string.Create(CultureInfo.InvariantCulture, $"{device}  {options.Size ?? export.Size} bytes  {uri}\n"));
        });
    }

    private static ExitCode Told(Action tell)
    {
        try
        {
            tell();
            return ExitCode.Done;
        }
        catch (IoException e) when (e.Errno == Io.Native.Errno.ENOENT)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, e.Message, e);
        }
        catch (Exception e) when (e is IoException or NbdClientException)
        {
            throw new HarnessException(ExitCode.Failed, e.Message, e);
        }
    }

    private static void CheckDevice(Command verb) => verb.Validators.Add(result =>
    {
        if (result.Written(Device) is { } device && KernelClient.DeviceIndex(device) is null)
        {
            result.AddError($"'{device}' is no device of the kernel's NBD client; give one like /dev/nbd0");
        }
    });

    private static int BlockBytes(string text)
    {
        long bytes = Units.ParseSize(text);
        return bytes is 512 or 1024 or 2048 or 4096 ? (int)bytes : throw new FormatException($"'{text}' is none of 512, 1k, 2k, 4k");
    }

    private static Option<TimeSpan?> Seconds(string name, string description) => OptionParsers.Parsed<TimeSpan?>(
        name, "TIME", $"{description}; whole seconds", text => Units.ParseTime(text) is { TotalSeconds: >= 1 } time ? time : throw new FormatException("the kernel counts in seconds; give 1s or more"));
}
